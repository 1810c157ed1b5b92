package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/directory"
	"ideco-agent/agent/secretbox"
	"ideco-agent/agent/store"
	"ideco-agent/handlers"
	"ideco-agent/web/certs"
)

// stopTimeout is how long an ordered shutdown may take.
const stopTimeout = 10 * time.Second

// Serve runs the gateway until ctx is done, then stops it in order: agents are told to reconnect, requests finish, the
// database is closed. Sessions stay open in the store for the next start. Errors: ErrRestart.
func Serve(ctx context.Context, c Config) error {
	started, recent := time.Now(), new(recentLog)
	c.Log = recent.watch(c.Log)
	if err := c.Check(); err != nil {
		return err
	}
	have := c.inherit()
	if err := c.tryListening(have); err != nil {
		return err
	}
	databasePath, err := openData(c.Data, c.Log)
	if err != nil {
		return err
	}
	lock, err := lockData(c.Data)
	if err != nil {
		return err
	}
	defer lock.Close()
	start := recordOfStart(c)
	if err := start.save(c.Data); err != nil {
		c.Log.Warn("the file for commands beside the gateway is not written", "error", err)
	}
	db, err := openStore(ctx, databasePath)
	if err != nil {
		return err
	}
	defer func() {
		if err := db.Close(); err != nil {
			c.Log.Error("close the database", "error", err)
		}
	}()
	if err := db.KeepUnwritten(); err != nil {
		return err
	}
	root, err := certs.Open(c.Data)
	if err != nil {
		return err
	}
	current, err := loadSettings(ctx, db, c.Log)
	if err != nil {
		return err
	}
	if err := root.SetNames(current.Current().Domains()); err != nil {
		return err
	}
	msi, err := openInstaller()
	if err != nil {
		return err
	}
	if err := msi.Ready(); err != nil {
		c.Log.Warn("no installer", "error", err)
	}
	downloads, err := openDownloads(msi)
	if err != nil {
		return err
	}

	vpn, err := openTunnel(c, current.Current().VPNNetwork)
	if err != nil {
		return err
	}
	defer vpn.close()
	open, err := listen(c, have)
	if err != nil {
		return err
	}
	defer open.close()
	start = start.opened(open, vpn.port())
	if err := start.save(c.Data); err != nil {
		c.Log.Warn("the file for commands beside the gateway is not written", "error", err)
	}
	descriptors, err := descriptorLimit()
	if err != nil {
		return err
	}
	budget := budgetFor(descriptors)
	fw, err := openFirewall(c, current.Current, vpn, open)
	if err != nil {
		return err
	}
	defer fw.Close()

	network := directory.New(directory.NewLocal(db, c.Log), db, c.Log)
	defer network.Close()
	gate := access.NewGate(network, db, c.Log)
	if c.Now != nil {
		gate = access.NewGateWithClock(network, db, c.Log, c.Now)
	}
	manager := access.NewManager(access.Config{Gate: gate, Store: db, Firewall: fw.forSessions(), Tunnel: vpn.forSessions(),
		Settings: current.Current, Inside: inside, Refusals: db, WebIdle: c.WebIdle, Log: c.Log})
	settings := &settings{currentSettings: current, store: db, root: root, sessions: manager, tunnel: vpn, firewall: fw,
		trial: newTrial(), log: c.Log}

	box := secretbox.New(filepath.Join(c.Data, secretKeyFile))
	directories, err := newDirectories(ctx, db, box, network, manager, c.Log)
	if err != nil {
		return err
	}

	addressing := &hosts{settings: settings.Current, agents: addrPorts(open.agent)}
	certificates, err := openCertificates(ctx, c, root, settings, addressing, open, box)
	if err != nil {
		return err
	}
	directories.domain = func() string { return settings.Current().Domain }
	fw.begin(ctx)
	if settings.Current().Forwarding { // after the rules, which decide who is forwarded
		if err := (gateway{}).EnableForwarding(ctx); err != nil {
			c.Log.Error("packet forwarding could not be switched on; the page Gateway says how to do it by hand", "error", err)
		}
	}
	inTunnel, err := vpn.listen()
	if err != nil {
		return err
	}
	open.tunnel = inTunnel
	if err := manager.Restore(ctx); err != nil {
		return err
	}
	rules := newAuthRules(db, current.Current, manager, c.Log)
	rules.begin(ctx)
	reachable := portalHosts(open.portal[0].Addr(), settings.Current(), interfaceAddresses())
	setup, links, err := openSetup(ctx, c, db, reachable)
	if err != nil {
		return err
	}
	portal := func(arrival netip.Addr) string {
		return portalURL(settings.Current().Domain, open.portal[0].Addr(), arrival)
	}
	restart := newRestart(manager)
	copies := newBackups(c.Data, settings.Current, restart.begin, c.Log)
	site := &handlers.Site{
		Log:           c.Log,
		Gate:          gate,
		Sessions:      manager,
		Settings:      settings,
		AgentHosts:    db,
		Journal:       db,
		Acts:          db,
		Scratch:       filepath.Join(c.Data, scratchDir),
		Accounts:      db,
		Groups:        groups{db, directories},
		Directories:   directories,
		Passwords:     passwords{},
		Browsers:      db,
		Installer:     msi,
		Downloads:     downloads,
		Root:          root,
		Certificates:  certificates,
		AuthRules:     rules,
		Overview:      db,
		Backups:       copies,
		System:        systemFacts(c.Data, started),
		Setup:         setup,
		Addressing:    addressing,
		Health:        func(ctx context.Context) error { return health(ctx, c, db, settings) },
		Storing:       db.Trouble,
		Portal:        portal,
		Challenge:     certificates.answerChallenge,
		Tunnel:        vpn,
		Gateway:       gateway{tunnelName: c.TunnelName, firewall: fw},
		MaxAgents:     budget.sessions + budget.agent.outside + budget.agent.lan,
		AgentDownload: ":" + portOf(open.agent[0].Addr()) + "/IdecoAgent.msi",

		PubliclyTrusted: certificates.publiclyTrusted,
	}
	site.Doctor = &doctor{data: c.Data, start: start, pid: os.Getpid(), db: db, settings: settings.Current, conditions: site.Conditions,
		directories: directories.load, test: func(ctx context.Context, s agent.DirectorySettings) agent.DirectoryReport {
			return network.Test(ctx, s, "", nil)
		}, recent: recent.records, log: c.Log}
	certificates.tell = site.TrustChanged
	settings.changed = func() {
		certificates.orders.Changed()
		site.TrustChanged()
	}
	servers := open.servers(site, certificates, addressing, budget, c.Log)
	alive := newLiveness(db, manager, fw, servers)
	site.Service = serviceFacts(c, started, alive, servers, vpn, serviceVersions(db.SchemaVersion, msi), recent)
	sup := &supervisor{systemd: c.Systemd, alive: alive, manager: manager, health: site.Health, log: c.Log}
	again := &reloader{config: c, root: root, certificates: certificates, settings: settings, changed: site.TrustChanged}
	return run(ctx, c, site, manager, servers, open, reachable, links, background{db, settings, directories, certificates, rules, sup, again, copies, restart, c.Log})
}

// health returns an error if a part does not work.
func health(ctx context.Context, c Config, db *store.Store, s *settings) error {
	switch {
	case c.Tunnel != TunnelOff && !s.tunnel.Available():
		return errors.New("the tunnel is gone")
	case s.behind.Load():
		return errors.New("the tunnel does not use the VPN network of the settings")
	}
	if err := s.firewall.health(); err != nil {
		return err
	}
	return db.Ping(ctx)
}

// run serves until ctx is done or a part fails.
func run(ctx context.Context, c Config, site *handlers.Site, manager *access.Manager, servers []*server, open *listeners, portal, links []string, b background) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, s := range servers {
		g.Go(s.serve)
	}
	g.Go(func() error { return b.run(gctx) })
	g.Go(func() error { return b.supervisor.run(gctx) })
	g.Go(func() error { return b.supervisor.reloadOn(gctx, c.Reload, b.reloader.reload) })
	g.Go(func() error { return b.directories.run(gctx) })
	g.Go(func() error { return b.certificates.run(gctx) })
	g.Go(func() error { return b.rules.run(gctx) })
	g.Go(func() error { return b.backups.run(gctx) })
	g.Go(func() error { return b.restart.wait(gctx) })
	g.Go(func() error { b.db.Watch(gctx, func(err error) { logStoring(c.Log, err) }); return nil })
	g.Go(func() error { return b.settings.firewall.run(gctx) })
	g.Go(func() error { return manager.FollowMACs(gctx) })
	g.Go(func() error { return manager.Record(gctx) })
	g.Go(func() error { return b.settings.tunnel.watch(gctx) })
	g.Go(func() error { return b.settings.firewall.watchDomain(gctx) })
	g.Go(func() error { return b.settings.trial.run(gctx, b.settings.endTrial, c.Log) })
	g.Go(func() error {
		<-gctx.Done()
		b.supervisor.tell("STOPPING=1")
		stop(manager, site, servers, c.Log)
		return nil
	})
	announce(c, open, b.settings.firewall.Mode(), portal, links)
	keepMemorySmall()
	return g.Wait()
}

// logStoring logs that the database cannot be written any more, or that it can again.
func logStoring(log *slog.Logger, err error) {
	if err == nil {
		log.Info("the database can be written again")
		return
	}
	log.Error("the database cannot be written: only administrators can sign in, and no changes are saved", "error", err)
}

// stop shuts down in order. After stopTimeout it closes what is still open.
func stop(manager *access.Manager, site *handlers.Site, servers []*server, log *slog.Logger) {
	log.Info("stopping")
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := manager.Shutdown(ctx); err != nil {
		log.Error("some sessions were not saved for the next start", "error", err)
	}
	site.StopAgents(ctx)
	var g errgroup.Group
	for _, s := range servers {
		g.Go(func() error {
			if err := s.Shutdown(ctx); err != nil {
				return s.Close()
			}
			return nil
		})
	}
	_ = g.Wait()
}

type server struct {
	http.Server
	listener net.Listener
	part     agent.ServicePart // empty in the tunnel
}

func (s *server) serve() error {
	var err error
	if s.TLSConfig != nil {
		err = s.ServeTLS(s.listener, "", "")
	} else {
		err = s.Serve(s.listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", s.listener.Addr(), err)
}

// servers builds a server for each listener. All use HTTP/1.1 only: the WebSocket upgrade needs it, and HTTP/2 is open to rapid
// resets of streams. Plain HTTP has one page, so it closes the connection after each answer.
func (l *listeners) servers(site *handlers.Site, c *certificates, addressing *hosts, budget connBudget, log *slog.Logger) []*server {
	portalTLS, agentTLS := c.portalTLS(), c.agentTLS()
	isLocal := func(a netip.Addr, through string) bool {
		s := addressing.settings()
		return s.InVPN(a) || inside(s, a, through)
	}
	var all []*server
	add := func(part agent.ServicePart, list []net.Listener, limiter *connLimiter, handler http.Handler, config *tls.Config) {
		for _, one := range list {
			s := &server{listener: limiter.listen(one), part: part}
			s.Handler, s.TLSConfig, s.ConnContext, s.ConnState = handler, config, handlers.ConnContext, onConnState
			s.ReadHeaderTimeout, s.ReadTimeout = handlers.ReadHeaderTimeout, handlers.ReadTimeout
			s.WriteTimeout, s.IdleTimeout = handlers.WriteTimeout, handlers.IdleTimeout
			if s.MaxHeaderBytes = maxHeaderBytes; config == portalTLS {
				s.MaxHeaderBytes = maxPortalHeaderBytes
			}
			s.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug) // failed TLS handshakes, which anybody can cause
			s.SetKeepAlivesEnabled(config != nil)
			s.Protocols = new(http.Protocols)
			s.Protocols.SetHTTP1(true) // otherwise net/http adds HTTP/2 to NextProtos
			all = append(all, s)
		}
	}
	add(agent.PartPortal, l.portal, newConnLimiter(budget.portal, true, isLocal), site.PortalHandler(), portalTLS)
	add(agent.PartAgent, l.agent, newConnLimiter(budget.agent, true, isLocal), site.AgentHandler(), agentTLS)
	plain := newConnLimiter(budget.http, false, isLocal)
	add(agent.PartHTTP, l.http, plain, site.HTTPHandler(), nil)
	add("", l.tunnel, plain, site.HTTPHandler(), nil)
	return all
}

// Limits of the header of a request; net/http adds 4 KiB. That of the portal has room for a Kerberos ticket of 65,535 bytes in base64.
const (
	maxHeaderBytes       = 16 << 10
	maxPortalHeaderBytes = 96 << 10
)

// openSetup creates the setup link if there is no administrator yet.
func openSetup(ctx context.Context, c Config, db *store.Store, hosts []string) (*setupLink, []string, error) {
	path := filepath.Join(c.Data, setupLinkFile)
	exists, err := db.HasAdministrator(ctx)
	if err != nil {
		return nil, nil, err
	}
	if exists {
		_ = os.Remove(path) // of an earlier start
		return nil, nil, nil
	}
	return newSetupLink(path, hosts, db.HasAdministrator)
}

// announce logs the addresses. The setup link is shown at a terminal and never logged.
func announce(c Config, open *listeners, firewallMode string, portal, links []string) {
	c.Log.Info("running", "version", Version(), "portal", addresses(open.portal), "agents", addresses(open.agent),
		"http", addresses(slices.Concat(open.http, open.tunnel)), "tunnel", c.Tunnel, "firewall", firewallMode)
	if c.Announce != nil {
		c.Announce("https://"+portal[0]+"/", links)
	} else if len(links) > 0 {
		c.Log.Info("no administrator yet: open the link in the file setup-link of the data directory within an hour")
	}
}

func addresses(list []net.Listener) []string {
	texts := make([]string, len(list))
	for i, l := range list {
		texts[i] = l.Addr().String()
	}
	return texts
}

// portalURL returns the portal's URL for people in the LAN. Without a domain it has the gateway's address that they came to;
// it is empty if the portal does not listen there.
func portalURL(domain string, portal net.Addr, arrival netip.Addr) string {
	if domain == "" {
		listens, err := netip.ParseAddrPort(portal.String())
		if a := agent.Unmap(listens.Addr()); err != nil || !arrival.IsValid() || !a.IsUnspecified() && a != arrival {
			return ""
		}
		domain = arrival.String()
	}
	port := portOf(portal)
	if port == "443" {
		return "https://" + bracketed(domain) + "/"
	}
	return "https://" + net.JoinHostPort(domain, port) + "/"
}

func bracketed(host string) string {
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return "[" + host + "]"
	}
	return host
}

func portOf(a net.Addr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}
