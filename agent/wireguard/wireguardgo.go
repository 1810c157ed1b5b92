package wireguard

import (
	"context"
	"fmt"
	"log/slog"

	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"
	"golang.zx2c4.com/wireguard/wgctrl/wgtypes"

	"ideco-agent/agent/wgbind"
)

// startGo starts wireguard-go with the gateway's key and UDP port. It owns t, also after an error.
func startGo(t tun.Device, c Config, secret privateKey) (*device.Device, error) {
	dev := device.NewDevice(t, wgbind.New(), goLogger(c.Log))
	port := int(c.Port)
	if err := (inProcess{dev}).configure(wgtypes.Config{PrivateKey: secret.wgKey(), ListenPort: &port}); err != nil {
		dev.Close()
		return nil, fmt.Errorf("configuring wireguard-go: %w", err)
	}
	if err := dev.Up(); err != nil {
		dev.Close()
		return nil, fmt.Errorf("opening the UDP port %d: %w", port, err)
	}
	return dev, nil
}

// goLogger is the log of wireguard-go. Messages about one peer begin with it and are logged at the debug level, because
// anybody on the path to the peer can cause any number of them.
func goLogger(log *slog.Logger) *device.Logger {
	return &device.Logger{
		Verbosef: device.DiscardLogf,
		Errorf: func(format string, args ...any) {
			level := slog.LevelWarn
			if len(args) > 0 {
				if _, ok := args[0].(*device.Peer); ok {
					level = slog.LevelDebug
				}
			}
			log.Log(context.Background(), level, "wireguard-go", "message", fmt.Sprintf(format, args...))
		},
	}
}
