"""The ACME server (RFC 8555): a module over the certificate authority."""
