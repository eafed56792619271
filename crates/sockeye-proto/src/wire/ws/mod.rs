//! WebSocket (RFC 6455) framing and handshake, permessage-deflate (RFC 7692); names nothing of Socket.IO.
