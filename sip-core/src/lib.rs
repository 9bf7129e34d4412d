//! SIP: wire, sdp, admission, transaction, dialog, endpoint
