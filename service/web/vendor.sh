#!/bin/sh
# Fetch the page's two libraries from their npm packages into static/vendor: `make vendor`.
# A new version: change it here, run `make vendor`, run the page's tests, commit.
set -eu
LIGHTWEIGHT_CHARTS=5.2.1
SUPABASE_JS=2.109.0

here=$(cd "$(dirname "$0")" && pwd)
vendor=$here/static/vendor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

unpack() { # name@version
    cd "$work" && rm -rf package ./*.tgz && npm pack --silent "$1" >/dev/null && tar xzf ./*.tgz
}

mkdir -p "$vendor"
unpack "lightweight-charts@$LIGHTWEIGHT_CHARTS"
cp package/dist/lightweight-charts.standalone.production.mjs "$vendor/lightweight-charts.mjs"
cp package/LICENSE "$vendor/lightweight-charts.LICENSE"
unpack "@supabase/supabase-js@$SUPABASE_JS"
cp package/dist/umd/supabase.js "$vendor/supabase.js"
cp package/LICENSE "$vendor/supabase.LICENSE"
chmod 644 "$vendor"/*

cd "$vendor"
{
    echo "# Vendored libraries, unchanged, from their npm packages (made by service/web/vendor.sh)"
    echo "lightweight-charts $LIGHTWEIGHT_CHARTS Apache-2.0"
    echo "@supabase/supabase-js $SUPABASE_JS MIT"
    sha256sum lightweight-charts.mjs lightweight-charts.LICENSE supabase.js supabase.LICENSE
} >VERSIONS.txt
