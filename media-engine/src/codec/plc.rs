/// P
#[derive(Debug)]
pub struct Plc;
