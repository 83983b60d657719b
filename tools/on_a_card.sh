#!/bin/bash
# The verdict of a graphics card, on a machine that is bare: Linux, NVIDIA's driver, a Python 3 with NumPy, Numba and Rich.
#   tools/on_a_card.sh pack [3.12]    where there is a network: wheels for that Python, and Vulkan's loader, into .card/
#   tools/on_a_card.sh [ARGUMENTS]    there: python3 -m benchmarks gpu ARGUMENTS
set -e
cd "$(dirname "$0")/.."
brought=$PWD/.card
if [ "$1" = pack ]; then
  mkdir -p "$brought"
  old=$(printf -- '--platform manylinux_%s_x86_64 ' 2_28 2_17)
  python3 -m pip download --no-deps --only-binary=:all: --python-version "${2:-3.12}" \
    --implementation cp $old --platform manylinux2014_x86_64 -d "$brought" \
    'wgpu>=0.32,<0.33' rendercanvas cffi pycparser platformdirs
  cd "$brought"
  apt-get download libvulkan1 libegl1 libglvnd0 libopengl0 libgl1 libglx0 libgles2
  du -sh "$brought"
  exit
fi
there=${TMPDIR:-/tmp}/zerocross-on-a-card
mkdir -p "$there/site" "$there/root"
if ls "$brought"/*.whl >/dev/null 2>&1; then
  python3 -m pip install -q --no-index --no-deps --no-compile --upgrade --target "$there/site" \
    "$brought"/*.whl
fi
loader() { ldconfig -p | grep -q libvulkan.so.1; }
if ! loader && ls "$brought"/*.deb >/dev/null 2>&1; then
  for each in "$brought"/*.deb; do dpkg -x "$each" "$there/root"; done
  export LD_LIBRARY_PATH=$there/root/usr/lib/x86_64-linux-gnu:$there/root/lib/x86_64-linux-gnu:$LD_LIBRARY_PATH
fi
# Where Vulkan finds NVIDIA's driver: its own note, or, as in many containers, one that is made for it.
if [ -z "$VK_DRIVER_FILES" ]; then
  for each in {/etc,/usr/share,/usr/local/share,/usr/local/nvidia/share}/vulkan/icd.d/nvidia_icd*.json; do
    if [ -e "$each" ]; then export VK_DRIVER_FILES=$each; break; fi
  done
fi
if [ -z "$VK_DRIVER_FILES" ]; then
  for name in libGLX_nvidia.so.0 libEGL_nvidia.so.0; do
    found=$(ldconfig -p | sed -n "s/.*$name .*=> //p" | head -n 1)
    for each in $found /usr/lib/x86_64-linux-gnu/$name /usr/lib64/$name /usr/local/nvidia/lib64/$name /usr/local/nvidia/lib/$name; do
      if [ -e "$each" ]; then
        export VK_DRIVER_FILES=$there/nvidia_icd.json
        echo '{"file_format_version": "1.0.0", "ICD": {"library_path": "'"$each"'", "api_version": "1.3.0"}}' \
          > "$VK_DRIVER_FILES"
        break 2
      fi
    done
  done
fi
echo "VK_DRIVER_FILES=${VK_DRIVER_FILES:-is not set: no driver of NVIDIA was found}" >&2
export ZEROCROSS_CACHE_DIR=${ZEROCROSS_CACHE_DIR:-$there/cache}
export PYTHONPATH=$PWD/src:$there/site:$PYTHONPATH PYTHONUNBUFFERED=1
exec python3 -m benchmarks gpu "$@"
