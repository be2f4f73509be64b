"""The vault: folders of secrets in versions, written in commits, read with references resolved."""
