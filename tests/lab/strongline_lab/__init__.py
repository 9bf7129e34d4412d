"""What the peer and client tests share: processes, peers, the AI application, captures and judges of the audio."""
