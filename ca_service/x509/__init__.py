"""The certificate authority: authorities, profiles, certificates, revocation (RFC 5280)."""
