/// R
#[derive(Debug)]
pub struct Receiver;
