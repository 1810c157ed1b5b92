// Package locale holds every text that the gateway shows to people, in Russian and English, and knows how each
// language writes times, durations, amounts and plurals. The catalogues are embedded; a message is found by its id.
// Ids of refusals are agent.Code, of ends "ended_" and agent.Reason, of problems with a field agent.Problem.Code.
package locale

import (
	"embed"
	"fmt"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"ideco-agent/agent"
)

//go:embed ru.toml en.toml
var catalogues embed.FS

// Languages are the tags that For may choose, the default first.
var Languages = []string{"ru", "en"}

var (
	matcher    = language.NewMatcher([]language.Tag{language.Russian, language.English})
	localizers = load()
)

// load reads the embedded catalogues. A broken one is a mistake in the program that no start may survive.
func load() []*Localizer {
	bundle := i18n.NewBundle(language.Russian)
	bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	all := make([]*Localizer, 0, len(Languages))
	for _, lang := range Languages {
		if _, err := bundle.LoadMessageFileFS(catalogues, lang+".toml"); err != nil {
			panic(fmt.Sprintf("locale: read the embedded catalogue %s: %v", lang, err))
		}
		all = append(all, &Localizer{lang: lang, messages: i18n.NewLocalizer(bundle, lang)})
	}
	return all
}

// Localizer speaks one language. It is safe for concurrent use.
type Localizer struct {
	lang     string
	messages *i18n.Localizer
}

// Args are the named values of a message: {{.Name}} in the catalogue.
type Args map[string]any

// For chooses the language. Each tag is a language ("en") or an Accept-Language header; the first that names a
// language we speak wins, empty and broken ones are passed over. Without any it is Russian.
func For(tags ...string) *Localizer {
	for _, tag := range tags {
		wanted, _, err := language.ParseAcceptLanguage(tag)
		if err != nil || len(wanted) == 0 {
			continue
		}
		if _, i, confidence := matcher.Match(wanted...); confidence > language.No {
			return localizers[i]
		}
	}
	return localizers[0]
}

// Lang is the language's tag, "ru" or "en", for the lang attribute and the cookie.
func (l *Localizer) Lang() string { return l.lang }

// T is the message with the id. An id without a message gives the id itself, so that a page shows that something is
// missing instead of failing.
func (l *Localizer) T(id string, args ...Args) string {
	return l.localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: merge(args)})
}

// N is the message with the id in the plural form for n, which the message calls {{.N}}.
func (l *Localizer) N(id string, n int, args ...Args) string {
	data := merge(args)
	data["N"] = n
	return l.localize(&i18n.LocalizeConfig{MessageID: id, PluralCount: n, TemplateData: data})
}

func (l *Localizer) localize(config *i18n.LocalizeConfig) string {
	text, err := l.messages.Localize(config)
	if err != nil {
		return config.MessageID
	}
	return text
}

func merge(all []Args) Args {
	merged := Args{}
	for _, args := range all {
		for name, value := range args {
			merged[name] = value
		}
	}
	return merged
}

// Refusal is the text of a refusal: what happened, why if known, what to do now.
func (l *Localizer) Refusal(e *agent.Error) string {
	return l.T(string(e.Code), Args{
		"Address": known(e.Address),
		"Domain":  known(e.Domain),
		"Ref":     known(e.Ref),
		"Wait":    l.Duration(coarse(e.Wait)),
		"Server":  known(e.Address),
		"Port":    agent.DefaultWireGuardPort,
	})
}

// Reason is the text of why a session ended, said to the person whose session it was.
func (l *Localizer) Reason(r agent.Reason) string { return l.T("ended_" + string(r)) }

// Problem is the text of what is wrong with a field.
func (l *Localizer) Problem(p agent.Problem) string {
	args := Args{"Value": p.Value, "MinPassword": agent.MinPassword,
		"MaxNets": agent.MaxNets, "MaxDNS": agent.MaxDNS, "MaxSuffixes": agent.MaxSuffixes,
		"MaxInterfaces": agent.MaxInterfaces, "MaxOpen": agent.MaxOpen}
	for _, n := range agent.Numbers() {
		if n.Name == p.Field {
			args["Min"], args["Max"] = l.Number(n.Min), l.Number(n.Max)
		}
	}
	return l.T(p.Code, args)
}

// Help is the text under the field of a number.
func (l *Localizer) Help(n agent.Number) string {
	return l.T(n.Name+"_help", Args{"Default": l.Number(n.Default)})
}

// known keeps a sentence whole when a detail is missing.
func known(s string) string {
	if s == "" {
		return "—"
	}
	return s
}
