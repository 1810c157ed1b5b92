// Command ideco-portal is the gateway's side of Ideco agent in one process: the portal for administrators and users,
// the endpoint for agents, and the download of the installer with the gateway's address.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	_ "golang.org/x/crypto/x509roots/fallback" // public roots for a computer without ca-certificates
	"golang.org/x/term"

	"ideco-agent/agent/passwordline"
	"ideco-agent/web"
	"ideco-agent/web/systemd"
)

type commands struct {
	Data string `help:"Directory of everything the gateway keeps: database, root certificate, setup link." default:"/var/lib/ideco-portal" env:"IDECO_DATA" type:"path"`

	Lang string `help:"Language of help and messages: ru or en. Without it the locale decides (LC_ALL, LC_MESSAGES, LANG). The log is always English." enum:"ru,en," default:"" placeholder:"ru|en"`

	Serve    serveCommand    `cmd:"" help:"Run the portal and the agent endpoint until SIGINT or SIGTERM."`
	Firewall firewallCommand `cmd:"" help:"Show or remove the rules between LAN and Internet."`
	Admin    adminCommand    `cmd:"" help:"Make an administrator, or give one a new password. The password is read from standard input; at a terminal it is asked for."`
	Backup   backupCommand   `cmd:"" help:"Write an encrypted backup of the data directory, also while the gateway runs. The passphrase is read from standard input; at a terminal it is asked for."`
	Restore  restoreCommand  `cmd:"" help:"Restore a backup. The gateway must be stopped."`
	Doctor   doctorCommand   `cmd:"" help:"Find out why the gateway does not work, running or stopped. Changes nothing; the exit code is 1 if a check has failed."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

// Validate refuses an empty data directory while the command line is parsed.
func (c *commands) Validate() error {
	if c.Data == "" {
		return errors.New("--data: expected a value")
	}
	return nil
}

// helpWidth is the number of columns of the help, at most.
const helpWidth = 100

func newParser(c *commands, lang language, options ...kong.Option) *kong.Kong {
	parser := kong.Must(c, append([]kong.Option{kong.Name("ideco-portal"), kong.Writers(lang.writer(os.Stdout), lang.writer(os.Stderr)),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: helpWidth}),
		kong.Description("The gateway's side of Ideco agent. Every flag of serve can also be given as the variable named beside it.")}, options...)...)
	lang.translateHelp(parser.Model.Node)
	return parser
}

type serveCommand struct {
	PortalListen  []string `help:"Where the portal listens (HTTPS)." default:":8443" env:"IDECO_PORTAL_LISTEN"`
	AgentListen   []string `help:"Where agents connect (HTTPS and WebSocket)." default:":14765" env:"IDECO_AGENT_LISTEN"`
	HTTPListen    []string `name:"http-listen" help:"Where plain HTTP leads people to the portal." default:":80" env:"IDECO_HTTP_LISTEN"`
	WireguardPort uint16   `help:"UDP port of the tunnel for people outside." default:"3051" env:"IDECO_WIREGUARD_PORT"`
	Tunnel        string   `help:"How the tunnel runs: ${enum}. Without the right to a network interface (CAP_NET_ADMIN) auto takes netstack, which serves the gateway's own page and forwards nothing." default:"auto" enum:"auto,kernel,tun,netstack,off" env:"IDECO_TUNNEL"`
	TunnelName    string   `help:"Network interface of the tunnel." default:"ideco0" env:"IDECO_TUNNEL_NAME"`
	Firewall      string   `help:"Who may pass between LAN and Internet: ${enum}. nftables refuses to start where it cannot enforce; auto goes on with a warning on the page; off enforces nothing." default:"auto" enum:"auto,nftables,off" env:"IDECO_FIREWALL"`
	LogFormat     string   `help:"Format of the log on standard error: ${enum}." default:"text" enum:"text,json" env:"IDECO_LOG_FORMAT"`
	LogLevel      string   `help:"The least that is logged: ${enum}." default:"info" enum:"debug,info,warn,error" env:"IDECO_LOG_LEVEL"`

	EnvironmentFile string `help:"File of the service's variables. A reload (SIGHUP) reads IDECO_LOG_LEVEL from it again." default:"/etc/default/ideco-portal" env:"IDECO_ENVIRONMENT_FILE" type:"path"`
}

// Validate checks the addresses while the command line is parsed.
func (s *serveCommand) Validate() error { return s.config().Check() }

func (s *serveCommand) config() web.Config {
	return web.Config{
		PortalListen: trimmed(s.PortalListen),
		AgentListen:  trimmed(s.AgentListen),
		HTTPListen:   trimmed(s.HTTPListen),
		Tunnel:       s.Tunnel,
		TunnelName:   s.TunnelName,
		TunnelPort:   s.WireguardPort,
		Firewall:     s.Firewall,
	}
}

func (s *serveCommand) Run(ctx context.Context, c *commands, k *kong.Context, lang language) error {
	config := s.config()
	config.Level = new(slog.LevelVar)
	if err := config.Level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return err
	}
	config.Data, config.Log = c.Data, web.NewLog(os.Stderr, s.LogFormat, config.Level)
	if term.IsTerminal(int(os.Stderr.Fd())) { // there SIGHUP says that the terminal is gone
		config.Announce = lang.announce
	} else {
		reload := make(chan os.Signal, 1)
		signal.Notify(reload, syscall.SIGHUP)
		config.Reload, config.ReadLevel = reload, s.levelReader(k, config.Level)
	}
	var err error
	if config.Systemd, err = systemd.Open(); err != nil {
		return err
	}
	err = web.Serve(ctx, config)
	switch {
	case errors.Is(err, web.ErrRestart):
		return restart()
	case err != nil && config.Announce == nil:
		return errors.New(err.Error()) // not translated, because it is logged
	}
	return err
}

// levelReader returns a function that reads the log level for a reload; nil if the flag on the command line fixes it.
func (s *serveCommand) levelReader(k *kong.Context, now *slog.LevelVar) func() (slog.Level, error) {
	for _, f := range k.Flags() {
		if f.Name == "log-level" && isGiven(f, k) {
			return nil
		}
	}
	return func() (slog.Level, error) { return levelIn(s.EnvironmentFile, slog.LevelInfo, now.Level()) }
}

// trimmed removes spaces, which people type after commas.
func trimmed(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.TrimSpace(s)
	}
	return out
}

type firewallCommand struct {
	Show  showCommand  `cmd:"" help:"Print the table with its rules and who is let through."`
	Clear clearCommand `cmd:"" help:"Remove the table, also for the next boot. Only while no gateway keeps it."`
}

type showCommand struct{}

func (showCommand) Run(c *commands, lang language) error {
	state, rules, err := web.ShowFirewall(c.Data)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("# %s\n%s", state.Text(lang.translate), rules)
	return err
}

type clearCommand struct{}

func (clearCommand) Run(c *commands, lang language) error {
	return lang.report(web.ClearFirewall(c.Data), "the table is removed; nothing is enforced between LAN and Internet")
}

type adminCommand struct {
	Create createCommand `cmd:"" help:"Make an administrator; the directory may be empty."`
	Reset  resetCommand  `cmd:"" help:"Give an account a new password, switch it on and make it an administrator again."`
}

type createCommand struct {
	Login string `required:"" placeholder:"LOGIN" help:"Login of the new administrator."`
}

func (a *createCommand) Run(ctx context.Context, c *commands, lang language) error {
	return lang.report(web.CreateAdministrator(ctx, c.Data, a.Login, lang.password), "administrator %s was created in %s", a.Login, c.Data)
}

type resetCommand struct {
	Login string `required:"" placeholder:"LOGIN" help:"Login of the account."`
}

func (a *resetCommand) Run(ctx context.Context, c *commands, lang language) error {
	return lang.report(web.ResetAdministrator(ctx, c.Data, a.Login, lang.password), "administrator %s has the new password", a.Login)
}

// maxPasswordLine is more than the limit of passwords, so that a long password is refused and not cut.
const maxPasswordLine = 4096 // bytes

// password reads the password from standard input: the first line, or at a terminal without echo and twice.
func (l language) password() (string, error) {
	if fd := int(os.Stdin.Fd()); term.IsTerminal(fd) {
		question := l.sprintf("Password (at least %d characters): ", web.MinPassword)
		return l.askTwice(os.Stderr, question, func() ([]byte, error) { return term.ReadPassword(fd) })
	}
	return passwordline.Read(os.Stdin, maxPasswordLine)
}

// ask asks once.
func (l language) ask(w io.Writer, question string, read func() ([]byte, error)) (string, error) {
	fmt.Fprint(w, question)
	b, err := read()
	fmt.Fprintln(w)
	return string(b), err
}

// askTwice asks for a password until the same one is entered twice.
func (l language) askTwice(w io.Writer, question string, read func() ([]byte, error)) (string, error) {
	for {
		password, err := l.ask(w, question, read)
		if err != nil {
			return "", err
		}
		again, err := l.ask(w, l.translate("Once more: "), read)
		if err != nil || again == password {
			return again, err
		}
		fmt.Fprintln(w, l.translate("The passwords differ. Enter the password again."))
	}
}

// report returns err. If it is nil, report prints the text done on standard error.
func (l language) report(err error, done string, args ...any) error {
	if err == nil {
		fmt.Fprintln(os.Stderr, l.sprintf(done, args...))
	}
	return err
}

type versionCommand struct{}

func (versionCommand) Run() error {
	fmt.Println("ideco-portal", web.Version())
	return nil
}
