"""Takes one member out of a zip or tar archive: extract.py ARCHIVE MEMBER TARGET."""

import shutil
import sys
import tarfile
import zipfile

archive, member, target = sys.argv[1:]
if zipfile.is_zipfile(archive):
    source = zipfile.ZipFile(archive).open(member)
else:
    source = tarfile.open(archive).extractfile(member)
    if source is None:
        sys.exit(member + " is no file")
with source, open(target, "wb") as out:
    shutil.copyfileobj(source, out)
