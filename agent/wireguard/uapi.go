package wireguard

import (
	"net"
	"sync"

	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/ipc"
)

// uapi answers wgctrl and wg on the UAPI socket of an interface.
type uapi struct {
	listener net.Listener
	dev      *device.Device
	serving  sync.WaitGroup

	mu    sync.Mutex // guards the fields below
	conns map[net.Conn]struct{}
	ended bool
}

func listenUAPI(name string) (net.Listener, error) {
	file, err := ipc.UAPIOpen(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() // UAPIListen has duplicated it
	return ipc.UAPIListen(name, file)
}

// serveUAPI answers connections until close.
func serveUAPI(l net.Listener, dev *device.Device) *uapi {
	u := &uapi{listener: l, dev: dev, conns: map[net.Conn]struct{}{}}
	u.serving.Go(u.accept)
	return u
}

func (u *uapi) accept() {
	for {
		conn, err := u.listener.Accept()
		if err != nil {
			return
		}
		u.begin(conn)
	}
}

func (u *uapi) begin(conn net.Conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		conn.Close()
		return
	}
	u.conns[conn] = struct{}{}
	u.serving.Go(func() {
		u.dev.IpcHandle(conn) // closes it
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.conns, conn)
	})
}

// close closes the socket and every connection, and waits for their goroutines.
func (u *uapi) close() {
	u.listener.Close() // its error says that somebody else has removed the socket
	u.mu.Lock()
	u.ended = true
	for conn := range u.conns {
		conn.Close()
	}
	u.mu.Unlock()
	u.serving.Wait()
}
