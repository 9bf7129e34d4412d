/// S
#[derive(Debug)]
pub struct Sender;
/// R
#[derive(Debug)]
pub struct Report;
