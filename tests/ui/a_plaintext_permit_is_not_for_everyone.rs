//! Plain RTP needs a permit, and the permit has one door, called danger.
use media_engine::danger::PlaintextPermit;
use media_engine::session::Leg;

fn main() {
    let _leg = Leg::Plain(PlaintextPermit(()));
}
