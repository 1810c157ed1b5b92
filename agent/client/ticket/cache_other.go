//go:build !windows

package ticket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	krb5 "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/krberror"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// Own returns the tickets of the cache file of this process's user.
func Own() client.Tickets {
	return fileTickets{getenv: os.Getenv, uid: os.Getuid(), tmp: "/tmp", config: "/etc/krb5.conf", now: time.Now}
}

// fileTickets are the tickets of a cache file, read again for each token.
type fileTickets struct {
	getenv func(name string) string
	uid    int
	tmp    string // the default cache is there
	config string // unless KRB5_CONFIG names one
	now    func() time.Time
}

func (t fileTickets) Person() string {
	cache, err := t.load()
	if err != nil {
		return ""
	}
	return cache.DefaultPrincipal.PrincipalName.PrincipalNameString() + "@" + cache.DefaultPrincipal.Realm
}

// Token asks the domain for a ticket to the service, unless the cache has it. The library has time limits of its own, and ctx may
// end before them.
func (t fileTickets) Token(ctx context.Context, service string) ([]byte, error) {
	return callWithContext(ctx, func() (token []byte, err error) {
		defer recoverPanic(&err)
		return t.token(service)
	})
}

// recoverPanic makes an error of a panic of the library, whose parsers panic on malformed input.
func recoverPanic(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("kerberos: %v", p)
	}
}

func (t fileTickets) token(service string) ([]byte, error) {
	cache, err := t.load()
	if err != nil {
		return nil, err
	}
	settings, err := t.settings(cache.DefaultPrincipal.Realm)
	if err != nil {
		return nil, err
	}
	c, err := krb5.NewFromCCache(cache, settings)
	if err != nil {
		return nil, &client.TicketProblem{Key: locale.SSOBadCache, Value: err.Error(), Err: err}
	}
	defer c.Destroy()
	token, err := spnego.SPNEGOClient(c, service).InitSecContext()
	if err != nil {
		return nil, problemOf(err)
	}
	return token.Marshal()
}

// load reads the cache and checks that its ticket for the domain is valid. Errors are *client.TicketProblem.
func (t fileTickets) load() (cache *credentials.CCache, err error) {
	file, err := t.file()
	if err != nil {
		return nil, err
	}
	cache, err = readCache(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &client.TicketProblem{Key: locale.SSONoTicket, Err: err}
	case err != nil:
		return nil, &client.TicketProblem{Key: locale.SSOBadCache, Value: err.Error(), Err: err}
	}
	realm := cache.DefaultPrincipal.Realm
	own, ok := cache.GetEntry(types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", realm}})
	switch {
	case !ok:
		return nil, &client.TicketProblem{Key: locale.SSONoTicket, Err: fmt.Errorf("%s has no ticket for krbtgt/%s", file, realm)}
	case !t.now().Before(own.EndTime):
		return nil, &client.TicketProblem{Key: locale.SSOExpired, Err: fmt.Errorf("the ticket in %s has expired at %v", file, own.EndTime)}
	}
	return cache, nil
}

// maxCache limits a cache file, in bytes.
const maxCache = 16 << 20

func readCache(file string) (cache *credentials.CCache, err error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxCache:
		return nil, fmt.Errorf("%s is no cache file", file)
	}
	defer recoverPanic(&err)
	return credentials.LoadCCache(file)
}

// file returns the path of the cache.
func (t fileTickets) file() (string, error) {
	name := t.getenv("KRB5CCNAME")
	if name == "" {
		return t.defaultFile()
	}
	kind, rest, ok := strings.Cut(name, ":")
	switch {
	case !ok || strings.HasPrefix(name, "/"):
		return name, nil
	case kind == "FILE":
		return rest, nil
	}
	return "", &client.TicketProblem{Key: locale.SSOOtherCache, Value: kind + ":"}
}

// defaultFile returns the path of the default cache. Everybody can write to its directory, so it must be the user's own.
func (t fileTickets) defaultFile() (string, error) {
	name := filepath.Join(t.tmp, "krb5cc_"+strconv.Itoa(t.uid))
	if info, err := os.Lstat(name); err == nil {
		if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != t.uid {
			err := fmt.Errorf("%s belongs to another user", name)
			return "", &client.TicketProblem{Key: locale.SSOBadCache, Value: err.Error(), Err: err}
		}
	}
	return name, nil
}

// settings reads the settings of Kerberos. KRB5_CONFIG may name several files; the first that exists counts.
func (t fileTickets) settings(realm string) (c *config.Config, err error) {
	names := t.getenv("KRB5_CONFIG")
	if names == "" {
		names = t.config
	}
	for _, name := range strings.Split(names, ":") {
		if c, err = readConfig(name); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c = config.New()
	case err != nil:
		return nil, &client.TicketProblem{Key: locale.SSOBadConfig, Value: err.Error(), Err: err}
	}
	if c.LibDefaults.DefaultRealm == "" {
		c.LibDefaults.DefaultRealm = realm
	}
	c.LibDefaults.DNSLookupKDC = true // the default of MIT and Heimdal; controllers in the settings come first
	return c, nil
}

func readConfig(name string) (c *config.Config, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	defer recoverPanic(&err)
	c, err = config.NewFromString(string(text))
	var unsupported config.UnsupportedDirective
	if err != nil && (c == nil || !errors.As(err, &unsupported)) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// problemOf makes a problem of an error of the library, which has only texts.
func problemOf(err error) error {
	key, text := locale.SSOFailed, err.Error()
	has := func(code int32) bool { return strings.Contains(text, errorcode.Lookup(code)) }
	var failed krberror.Krberror
	switch {
	case has(errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN):
		key = locale.SSONoService
	case has(errorcode.KRB_AP_ERR_TKT_EXPIRED):
		key = locale.SSOExpired
	case has(errorcode.KRB_AP_ERR_SKEW):
		key = locale.SSOClock
	case errors.As(err, &failed) && failed.RootCause == krberror.NetworkingError:
		key = locale.SSONoDomain
	}
	return &client.TicketProblem{Key: key, Value: text, Err: err}
}
