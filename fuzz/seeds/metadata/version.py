__version__ = '2.14.1+cu130'
debug = False
cuda: Optional[str] = '13.0'
git_version = 'aa'
hip: Optional[str] = None
