// The build of the agent program for Windows 8 and 8.1, which newer versions of Go cannot make:
//
//	GOTOOLCHAIN=go1.20.14 GOFLAGS=-mod=readonly CGO_ENABLED=0 GOOS=windows \
//		go build -modfile=cmd/ideco-agent/win8.mod ./cmd/ideco-agent
//
// Kept by hand: these are the last versions that Go 1.20 compiles, and go mod tidy would look at every package of the
// module. To change a version, edit it here and run the command once with -mod=mod, which completes win8.sum.
module ideco-agent

go 1.20

require (
	github.com/coder/websocket v1.8.13
	golang.org/x/net v0.21.0
)

require golang.org/x/text v0.14.0 // indirect
