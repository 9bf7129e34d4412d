//! RTP, SRTP, jitter buffer, codecs, DTMF and the PCI guard
