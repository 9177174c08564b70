#!/bin/sh
# Writes the code of book.proto again, once for each system, as two cannot have the same messages in one package. Needs protoc (Debian:
# protobuf-compiler); its plugins are pinned as tools in go.mod.
set -eu
cd "$(dirname "$0")"
go -C .. build -o bin/ tool
module=github.com/corechan/corechan/bench/peers/services
PATH=$PWD/../bin:$PATH
generate() { # FOLDER PLUGIN OPTIONS
	mkdir -p "$1/pb"
	protoc --go_out=. --go_opt=module=$module,Mbook.proto=$module/"$1"/pb \
		--"$2"_out=. --"$2"_opt=module=$module,Mbook.proto=$module/"$1"/pb"$3" book.proto
}
generate grpc go-grpc ""
generate ttrpc go-ttrpc ""
