#!/usr/bin/env bash
# Install what the render engines draw with: a browser and fonts from Debian, toolkits and icons from npm.
#
#   bash setup.sh FOLDER
#
# FOLDER is where toolkits and icons go. Run again at any time: what is there already is left alone.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
folder="${1:?usage: setup.sh FOLDER}"
version="$(cat "$here/VERSION")"

# All fonts here are free to use and embed: OFL, Apache-2.0 or MIT.
packages=(
  chromium-headless-shell fontconfig libfribidi0 npm
  fonts-bebas-neue fonts-cabin fonts-cantarell fonts-comic-neue fonts-crosextra-caladea
  fonts-crosextra-carlito fonts-dosis fonts-ebgaramond fonts-firacode fonts-hack fonts-inter
  fonts-jetbrains-mono fonts-karla fonts-lato fonts-league-spartan fonts-leckerli-one fonts-liberation
  fonts-lobstertwo fonts-noto-cjk fonts-noto-color-emoji fonts-noto-core fonts-open-sans fonts-play
  fonts-quicksand fonts-roboto-slab fonts-roboto-unhinted fonts-yanone-kaffeesatz
)

missing=()
for package in "${packages[@]}"; do
  [[ "$package" == npm ]] && command -v npm >/dev/null && continue
  state="$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)"
  [[ "$state" == "install ok installed" ]] || missing+=("$package")
done
if ((${#missing[@]})); then
  as_root=()
  if [[ "$(id -u)" != 0 ]]; then
    as_root=(sudo)
    command -v sudo >/dev/null || {
      echo "these packages are missing, and only root can install them:" >&2
      echo "  apt-get install ${missing[*]}" >&2
      exit 1
    }
  fi
  echo "installing ${#missing[@]} Debian packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >/dev/null
fi

if [[ "$(cat "$folder/ready" 2>/dev/null || true)" == "$version" ]]; then
  echo "toolkits and icons are in $folder"
  exit 0
fi
echo "installing toolkits and icons into $folder"
mkdir -p "$folder"
rm -f "$folder/ready"
cp -r "$here/." "$folder/"
cd "$folder"
npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
for script in build.mjs unpack.mjs; do
  if [[ -f "$script" ]]; then
    node "$script"
  fi
done
echo '<!doctype html><html><head><title>blank</title></head><body></body></html>' >blank.html
sync
echo "$version" >ready
echo "ready: $folder"
