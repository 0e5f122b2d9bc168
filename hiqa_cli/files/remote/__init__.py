"""Files that lie elsewhere, through fsspec: URLs such as s3://bucket/a.jpg, and members of archives, shard.tar::a.jpg.

Nothing here is imported, and nothing is asked over a network, before an address is named.
"""
