package agent

import (
	"net/netip"
	"testing"
	"time"
	"unicode"
)

// view is the SessionView of a copy.
type view struct{ l LiveSession }

func (v view) Record() *Session               { return &v.l.Session }
func (v view) State() State                   { return v.l.State }
func (v view) FurtherAddresses() []netip.Addr { return v.l.FurtherAddresses }
func (v view) MAC() string                    { return v.l.MAC }
func (v view) Counts() (uint64, uint64, time.Time, bool) {
	if v.l.Rx == nil {
		return 0, 0, time.Time{}, false
	}
	return *v.l.Rx, 0, v.l.Handshake, true
}

func TestSessionFilter(t *testing.T) {
	s := LiveSession{
		Session: Session{Login: "ivanov", Name: "Иванов Пётр", Directory: "company.ru", Kind: KindLAN, Address: netip.MustParseAddr("192.168.7.20"),
			ExternalIP: netip.MustParseAddr("203.0.113.9"), Device: Device{Name: "WS-Office"}, Group: "Офис / Продажи"},
		State: StateConnected, FurtherAddresses: []netip.Addr{netip.MustParseAddr("2001:db8::5")}, MAC: "02:00:00:00:00:0a",
	}
	for _, f := range []SessionFilter{
		{}, {Search: "IVAN"}, {Search: "пётр иванов"}, {Search: "ПЕТР"}, {Search: "ws-off"}, {Search: "168.7.2"}, {Search: "203.0.113"},
		{Search: "2001:DB8::5"}, {Search: "00:0A"}, {Search: "продажи"}, {Search: " иванов  192.168 "}, {Search: "company"},
		{Kind: KindLAN}, {State: StateConnected}, {Directory: "company.ru"}, {Search: "ivanov", Kind: KindLAN, State: StateConnected},
	} {
		if !f.Matcher()(view{s}) {
			t.Errorf("%+v does not select the session", f)
		}
	}
	for _, f := range []SessionFilter{
		{Search: "petrov"}, {Search: "ivanov petrov"}, {Search: "192.168.7.21"}, {Search: "invalid IP"},
		{Kind: KindVPN}, {State: StateWaiting}, {Directory: LocalDirectory}, {Search: "ivanov", Kind: KindWeb},
	} {
		if f.Matcher()(view{s}) {
			t.Errorf("%+v selects the session", f)
		}
	}
	if f := (SessionFilter{Search: "ip"}); f.Matcher()(view{LiveSession{}}) {
		t.Error("a session without an address is found by the text of the invalid one")
	}
}

// TestSessionOrder: texts are sorted without regard to case, addresses by number, and «ё» stands beside «е».
func TestSessionOrder(t *testing.T) {
	few, many := uint64(9), uint64(10)
	named := func(name string) LiveSession { return LiveSession{Session: Session{Name: name}} }
	at := func(a string) LiveSession { return LiveSession{Session: Session{Address: netip.MustParseAddr(a)}} }
	for _, one := range []struct {
		by            SessionOrder
		before, after LiveSession
	}{
		{SessionsByPerson, named("андрей"), named("Борис")},
		{SessionsByPerson, named("Елена"), named("Ёлкин")},
		{SessionsByPerson, named("Ёлкин"), named("Жуков")},
		{SessionsByPerson, LiveSession{Session: Session{Login: "boss"}}, named("Olga")},
		{SessionsByAddress, at("192.168.7.9"), at("192.168.7.10")},
		{SessionsByReceived, LiveSession{}, LiveSession{Rx: &few}},
		{SessionsByReceived, LiveSession{Rx: &few}, LiveSession{Rx: &many}},
	} {
		if a, b := one.by.Key(view{one.before}), one.by.Key(view{one.after}); a.Compare(b) >= 0 || b.Compare(a) <= 0 || a.Compare(a) != 0 {
			t.Errorf("%s: %+v does not stand before %+v", one.by, a, b)
		}
	}
}

// TestFold: what is faster than unicode.ToLower does the same.
func TestFold(t *testing.T) {
	for r := rune(0); r < 0x2000; r++ {
		want := unicode.ToLower(r)
		if want == 'ё' {
			want = 'е'
		}
		if got := fold(r); got != want {
			t.Errorf("%q becomes %q, want %q", r, got, want)
		}
	}
}

// TestContainsFolded: every letter is found by its folded form, at the beginning of a word and inside it.
func TestContainsFolded(t *testing.T) {
	for r := rune('A'); r <= unicode.MaxRune; r++ {
		if !unicode.IsLetter(r) {
			continue
		}
		word := string(fold(r))
		for _, text := range []string{string(r), "7" + string(r)} {
			if !containsFolded(text, word) || !containsFolded(text+"x", word+"x") {
				t.Errorf("%q is not found by %q", text, word)
			}
		}
	}
}
