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
	github.com/Microsoft/go-winio v0.6.2
	github.com/alexbrainman/sspi v0.0.0-20250919150558-7d374ff0d59e
	github.com/armon/go-socks5 v0.0.0-20160902184237-e75332964ef5
	github.com/coder/websocket v1.8.13
	github.com/danieljoos/wincred v1.2.3
	github.com/jcmturner/gokrb5/v8 v8.4.4
	github.com/lxn/walk v0.0.0-20210112085537-c389da54e794
	github.com/lxn/win v0.0.0-20210218163916-a377121e959e
	github.com/tailscale/wf v0.0.0-20240214030419-6fbb0a674ee6
	github.com/vishvananda/netlink v1.3.1
	golang.org/x/net v0.21.0
	golang.org/x/sys v0.30.0
	golang.org/x/term v0.29.0
	golang.zx2c4.com/wireguard v0.0.0-20231211153847-12269c276173
	golang.zx2c4.com/wireguard/windows v0.5.3
	gopkg.in/natefinch/lumberjack.v2 v2.2.1
	gvisor.dev/gvisor v0.0.0-20230927004350-cbd86285d259
)

require (
	github.com/google/btree v1.0.1 // indirect
	github.com/hashicorp/go-uuid v1.0.3 // indirect
	github.com/jcmturner/aescts/v2 v2.0.0 // indirect
	github.com/jcmturner/dnsutils/v2 v2.0.0 // indirect
	github.com/jcmturner/gofork v1.7.6 // indirect
	github.com/jcmturner/goidentity/v6 v6.0.1 // indirect
	github.com/jcmturner/rpc/v2 v2.0.3 // indirect
	github.com/vishvananda/netns v0.0.5 // indirect
	go4.org/netipx v0.0.0-20220725152314-7e7bdc8411bf // indirect
	golang.org/x/crypto v0.33.0 // indirect
	golang.org/x/text v0.22.0 // indirect
	golang.org/x/time v0.0.0-20220210224613-90d013bbcef8 // indirect
	golang.zx2c4.com/wintun v0.0.0-20230126152724-0fa3db229ce2 // indirect
	gopkg.in/Knetic/govaluate.v3 v3.0.0 // indirect
)

// The fork of wireguard-windows. It scales a system metric to the screen of the window, also where Windows has no
// GetSystemMetricsForDpi: before Windows 10 1607 the icon in the title is otherwise as large as the first screen needs it.
replace github.com/lxn/win => golang.zx2c4.com/wireguard/windows v0.0.0-20210224134948-620c54ef6199
