#!/bin/sh
# Writes echopb again, from echo.proto. Needs protoc (Debian: protobuf-compiler); its plugins are pinned as tools in go.mod.
set -eu
cd "$(dirname "$0")"
go -C .. build -o bin/ tool
module=module=github.com/corechan/corechan/bench/peers/echo
PATH=$PWD/../bin:$PATH protoc \
	--go_out=. --go_opt=$module \
	--go-grpc_out=. --go-grpc_opt=$module \
	--go-drpc_out=. --go-drpc_opt=$module \
	--connect-go_out=. --connect-go_opt=$module \
	--go-ttrpc_out=. --go-ttrpc_opt=$module,prefix=TTRPC \
	echo.proto
