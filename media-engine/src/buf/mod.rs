//! Pooled packet buffers: taken from the worker's pool, filled by the socket, decrypted in place, held by the jitter
//! buffer, and handed back when dropped. After warm-up nothing is allocated.

mod pool;

pub use pool::{PacketBuf, Pool, PoolGauge};
