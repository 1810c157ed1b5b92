package handlers

import (
	"context"
	"net/http"
	"net/netip"
	"testing"

	"ideco-agent/templates/locale"
)

// newGateway is a gateway without an administrator.
type newGateway struct{ oneLink }

func (newGateway) Needed(context.Context) bool { return true }

// TestLoginSaysWhereTheSetupLinkIs: the sign-in page of a new gateway says it where an administrator can be made, and nowhere else.
func TestLoginSaysWhereTheSetupLinkIs(t *testing.T) {
	outside := netip.MustParseAddr("198.51.100.7")
	for _, c := range []struct {
		name  string
		setup SetupToken
		peer  netip.Addr
		says  bool
	}{
		{"new", newGateway{}, inLAN, true},
		{"new, from outside", newGateway{}, outside, false},
		{"with an administrator", oneLink{}, inLAN, false},
	} {
		s := newSite(t)
		s.Setup = c.setup
		w := ask(s.PortalHandler(), "GET", "/login", page, c.peer, nil)
		if got := says(t, w.Body.String(), "#setup-link", "sudo cat /data/setup-link"); w.Code != http.StatusOK || got != c.says {
			t.Errorf("%s: %d, says %v", c.name, w.Code, got)
		}
	}
}

// TestSetupLinkOver: a link that was used or is too old has a page of its own, which says what to do.
func TestSetupLinkOver(t *testing.T) {
	s := newSite(t)
	w := ask(s.PortalHandler(), "GET", "/setup/old", page, inLAN, nil)
	if w.Code != http.StatusNotFound || !says(t, w.Body.String(), "h1", "Ссылка больше не действует") || !says(t, w.Body.String(), "main p", locale.For("ru").T(locale.SetupLinkOver)) {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}
