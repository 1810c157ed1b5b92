package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// certificatesJSON is what GET /certificates answers. Times are RFC 3339; null = none.
type certificatesJSON struct {
	Served   []servedJSON   `json:"served"`
	Orders   []orderJSON    `json:"orders"`
	Uploaded []uploadedJSON `json:"uploaded"`
	Root     rootJSON       `json:"root"`
	NextRoot *nextRootJSON  `json:"next_root"`
}

type leafJSON struct {
	Source    agent.CertificateSource `json:"source"`
	Names     []string                `json:"names"`
	Key       string                  `json:"key"`
	NotBefore string                  `json:"not_before"`
	NotAfter  string                  `json:"not_after"`
	Renewal   *string                 `json:"renewal"`
	Chain     []chainJSON             `json:"chain"`
}

type servedJSON struct {
	Port agent.ServedPort `json:"port"`
	Name string           `json:"name"`
	leafJSON
	Pinned *leafJSON `json:"pinned"` // what agents with a pin get instead
}

type chainJSON struct {
	Subject   string `json:"subject"`
	Issuer    string `json:"issuer"`
	NotBefore string `json:"not_before"`
	NotAfter  string `json:"not_after"`
	SHA256    string `json:"sha256"`
}

type orderJSON struct {
	Name  string           `json:"name"`
	State agent.OrderState `json:"state"`
	Tried *string          `json:"tried"`
	Next  *string          `json:"next"`
	Error *problemJSON     `json:"error"`
}

type problemJSON struct {
	Code   agent.CertificateCause `json:"code"`
	Cause  string                 `json:"cause"`
	Cure   string                 `json:"cure"`
	CA     string                 `json:"ca"` // in the words of the CA
	Checks []checkJSON            `json:"checks"`
}

type checkJSON struct {
	Check agent.NameCheckKind `json:"check"`
	State agent.StepState     `json:"state"`
	Text  string              `json:"text"`
}

type uploadedJSON struct {
	ID    agent.UploadedCertificateID `json:"id"`
	Added string                      `json:"added"`
	leafJSON
	Serves  []string `json:"serves"`   // names of the gateway
	KeyLost bool     `json:"key_lost"` // it must be uploaded again
}

type rootJSON struct {
	chainJSON
	Pin string `json:"pin"`
}

type nextRootJSON struct {
	rootJSON
	From string `json:"from"` // when it becomes the root
}

func (s *Site) restCertificates(c echo.Context) error {
	l := who(c).L
	out := certificatesJSON{Served: []servedJSON{}, Orders: []orderJSON{}, Uploaded: []uploadedJSON{}, Root: jsonOfRoot(s.Certificates.Root())}
	for _, one := range s.Certificates.Served() {
		served := servedJSON{Port: one.Port, Name: one.Name, leafJSON: jsonOfCertificate(one.Certificate)}
		if one.Pinned != nil {
			pinned := jsonOfCertificate(*one.Pinned)
			served.Pinned = &pinned
		}
		out.Served = append(out.Served, served)
	}
	for _, order := range s.Certificates.Orders() {
		order.Problem = decodedOrder(order).Problem
		out.Orders = append(out.Orders, orderJSON{order.Name, order.State, timeOrNull(order.Tried), timeOrNull(order.Next), jsonOfProblem(l, order)})
	}
	for _, one := range s.Certificates.Uploaded() {
		out.Uploaded = append(out.Uploaded, uploadedJSON{one.ID, rfc3339(one.Added), jsonOfCertificate(one.Certificate), notNull(one.Serves), one.KeyLost})
	}
	if change := s.Certificates.RootChange(); change != nil {
		out.NextRoot = &nextRootJSON{jsonOfRoot(change.Next), rfc3339(change.From)}
	}
	return c.JSON(http.StatusOK, out)
}

func jsonOfCertificate(c agent.Certificate) leafJSON {
	out := leafJSON{Source: c.Source, Names: notNull(c.Names), Key: c.Key, NotBefore: rfc3339(c.Leaf().NotBefore), NotAfter: rfc3339(c.Leaf().NotAfter),
		Renewal: timeOrNull(c.Renewal), Chain: []chainJSON{}}
	for _, one := range c.Chain {
		out.Chain = append(out.Chain, jsonOfChain(one))
	}
	return out
}

func jsonOfChain(c agent.ChainCertificate) chainJSON {
	return chainJSON{c.Subject, c.Issuer, rfc3339(c.NotBefore), rfc3339(c.NotAfter), c.SHA256}
}

func jsonOfRoot(r agent.RootCertificate) rootJSON {
	return rootJSON{jsonOfChain(r.ChainCertificate), r.Pin}
}

func jsonOfProblem(l *locale.Localizer, order agent.CertificateOrder) *problemJSON {
	if order.Problem == nil {
		return nil
	}
	p := *order.Problem
	out := problemJSON{p.Code, l.CertificateCause(p), l.CertificateCure(p), p.CA, []checkJSON{}}
	for _, check := range p.Checks {
		out.Checks = append(out.Checks, checkJSON{check.Check, check.State, l.NameCheck(check)})
	}
	return &out
}

// rfc3339 formats a time in UTC.
func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// timeOrNull is null for the zero time.
func timeOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := rfc3339(t)
	return &text
}
