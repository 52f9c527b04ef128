#!/usr/bin/env bash
# The core's tests on the side of every room that needs nothing of Linux:
#
#   tests/portable.sh linux     with the portable code forced, on this machine
#   tests/portable.sh windows   built for Windows, and run under Wine; the Python room is type-checked
#   tests/portable.sh macos     type-checked for macOS, tests and the Python room included; there is nothing here that
#                               could run them
#
# Without an argument, all three. Each system ends with how many tests passed, and with what was skipped and why; the exit
# status says whether everything passed. The last two need Debian's rustc-web, cargo-web, rust-web-src,
# gcc-mingw-w64-x86-64 and wine64, which root gets installed. CARGO_TARGET_DIR is left alone: what is built here lies
# beside it.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly BESIDE="${CARGO_TARGET_DIR:-$HOME/.cache/vespera_file_ops/target}-portable"
readonly WINDOWS=x86_64-pc-windows-gnu MACOS=aarch64-apple-darwin
# A program that hangs is a failure. Under Wine, the longest takes a quarter of an hour on two cores.
readonly PATIENCE=3600
mkdir -p "$BESIDE"

# Runs a program of tests, and shows what it printed if it fails.
run_tests() {
  local title=$1 log=$2
  shift 2
  echo "+ $*"
  local status=0
  timeout "$PATIENCE" "$@" >"$log" 2>&1 || status=$?
  # Wine ends its lines as Windows does.
  sed -i 's/\r$//' "$log"
  if ((status)); then
    grep -vE '^test .* \.\.\. (ok|ignored)' "$log" | tail -n 200
    echo "$title: FAILED with status $status" >&2
    return 1
  fi
}

summary() {
  local title=$1
  shift
  echo "== $title: $(cat "$@" | awk '
    /^test result: ok/ { passed += $4 }
    /^ *Summary .* tests run: / { sub(/.*tests run: /, ""); passed += $1 }
    /^test .* \.\.\. ignored/ { skipped += 1 }
    END { print passed + 0 " passed, " skipped + 0 " skipped:" }')"
  cat "$@" | sed -nE 's/^test (.*) \.\.\. ignored(, (.*))?$/   \1: \3/p'
}

# `cargo test --no-run` names the programs that it has built.
test_programs() {
  sed -nE 's/^ *Executable .*\((.*)\)$/\1/p' "$1" | grep -v kernels
}

on_linux() {
  local programs log=$BESIDE/linux-build.log
  local build=(cargo test --release --features portable --no-run)
  echo "+ CARGO_TARGET_DIR=$BESIDE/linux ${build[*]}"
  CARGO_TARGET_DIR=$BESIDE/linux "${build[@]}" 2>&1 | tee "$log" | grep -E '^ *(Finished|error)|^error' || true
  mapfile -t programs < <(test_programs "$log")
  ((${#programs[@]})) || { cat "$log"; return 1; }
  local logs=("$BESIDE/linux.log") runner=(cargo test)
  # Several tests start threads and count descriptors: nextest runs each in its own process.
  if command -v cargo-nextest >/dev/null; then runner=(cargo nextest run); fi
  CARGO_TARGET_DIR=$BESIDE/linux run_tests "Linux, portable code" "${logs[0]}" "${runner[@]}" --release --features portable
  if [ "${runner[1]}" = nextest ]; then
    # It counts what is ignored, and the programs themselves say why.
    for program in "${programs[@]}"; do
      mapfile -t ignored < <("$program" --list --ignored --format terse | sed -n 's/: test$//p')
      ((${#ignored[@]} == 0)) || "$program" --exact "${ignored[@]}" >>"${logs[0]}"
    done
  fi
  summary "Linux, portable code" "${logs[@]}"
}

# Debian's compiler can build the standard library for other systems.
debian() {
  local packages=(rustc-web cargo-web rust-web-src "$@") missing=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  if [ "$(id -u)" = 0 ]; then
    echo "+ apt-get install ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "missing Debian packages: ${missing[*]}" >&2
    return 2
  fi
}

foreign_cargo() {
  PATH="/usr/bin:/bin:$PATH" RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_PROFILE_RELEASE_DEBUG=false /usr/bin/cargo "$@"
}

# It asks for no Python where it is only type-checked.
python_room() {
  local check=(check --features "blake3/pure,python" -Z "build-std=std,panic_unwind" --target "$2")
  echo "+ PYO3_NO_PYTHON=1 CARGO_TARGET_DIR=$BESIDE/$1 RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo ${check[*]}"
  PYO3_NO_PYTHON=1 CARGO_TARGET_DIR=$BESIDE/$1 foreign_cargo "${check[@]}"
}

on_windows() {
  debian gcc-mingw-w64-x86-64 wine wine64
  local programs log=$BESIDE/windows-build.log
  # A library for others would export every symbol of every crate, which are more than one can have there.
  export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS="-C link-arg=-Wl,--exclude-all-symbols"
  local build=(test --release --no-run -Z build-std=std,panic_unwind --target "$WINDOWS")
  echo "+ CARGO_TARGET_DIR=$BESIDE/windows RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo ${build[*]}"
  CARGO_TARGET_DIR=$BESIDE/windows foreign_cargo "${build[@]}" 2>&1 | tee "$log" | grep -E '^ *(Finished|error)|^error' || true
  mapfile -t programs < <(test_programs "$log")
  ((${#programs[@]})) || { cat "$log"; return 1; }
  # The standard library takes random numbers from this library, which Wine before 9 has not.
  local beside
  beside=$(dirname "${programs[0]}")
  x86_64-w64-mingw32-gcc -shared -O1 -o "$beside/bcryptprimitives.dll" -x c - -ladvapi32 <<'C'
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    return RtlGenRandom(buffer, (ULONG)length);
}
C
  export WINEPREFIX=$BESIDE/wine WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml="
  wineboot --init >/dev/null 2>&1 || true
  local logs=()
  for program in "${programs[@]}"; do
    logs+=("$BESIDE/windows-$(basename "$program").log")
    run_tests "Windows, under Wine" "${logs[-1]}" wine "$program" --test-threads=2
  done
  summary "Windows, under Wine" "${logs[@]}"
  python_room windows "$WINDOWS"
}

on_macos() {
  debian
  # There is no compiler of C for macOS. What is only type-checked is not linked, so nobody looks into the objects of the
  # grammars: what takes itself for clang, and not for the one of Windows, and writes empty objects will do. BLAKE3, which
  # asks more of the compiler, is taken in Rust alone.
  local compiler=$BESIDE/macos-cc
  cat >"$compiler" <<'SH'
#!/bin/sh
case $1 in
  -E) echo '#pragma message "clang"' ;;
  '-?') exit 1 ;;
esac
while [ $# -gt 0 ]; do
  if [ "$1" = -o ]; then : >"$2"; shift; fi
  shift
done
SH
  chmod +x "$compiler"
  # Asking for the place of macOS' headers would take Apple's tools.
  export CC_aarch64_apple_darwin=$compiler SDKROOT=/
  local check=(check --tests --features blake3/pure -Z build-std=std,panic_unwind --target "$MACOS")
  echo "+ CARGO_TARGET_DIR=$BESIDE/macos RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo ${check[*]}"
  CARGO_TARGET_DIR=$BESIDE/macos foreign_cargo "${check[@]}"
  python_room macos "$MACOS"
  echo "== macOS: the library and its tests type-check; none was run, because nothing here runs programs of macOS"
}

for system in "${@:-linux windows macos}"; do
  for one in $system; do
    case $one in
      linux) on_linux ;;
      windows) on_windows ;;
      macos) on_macos ;;
      *) echo "unknown system: $one (linux, windows or macos)" >&2; exit 2 ;;
    esac
  done
done
