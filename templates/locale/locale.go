// Package locale holds all texts that the gateway shows, in Russian and English, and formats times, durations, amounts and
// plurals. The catalogues are embedded. The message id of a refusal is its agent.Code, of a problem with a field its
// agent.Problem.Code, and of the end of a session "ended_" and its agent.Reason.
package locale

import (
	"cmp"
	"embed"
	"fmt"
	"maps"
	"sync"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"ideco-agent/agent"
)

//go:embed ru.toml en.toml
var catalogues embed.FS

// Languages are the tags that For chooses from; the first is the default.
var Languages = []string{"ru", "en"}

var (
	matcher    = language.NewMatcher([]language.Tag{language.Russian, language.English}) // in the order of Languages
	localizers = sync.OnceValue(load)                                                    // when a text is first needed: most subcommands need none
)

// load parses the embedded catalogues. It panics on an invalid one, which the tests would find.
func load() []*Localizer {
	bundle := i18n.NewBundle(language.Russian)
	bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	all := make([]*Localizer, 0, len(Languages))
	for _, lang := range Languages {
		if _, err := bundle.LoadMessageFileFS(catalogues, lang+".toml"); err != nil {
			panic(fmt.Sprintf("locale: read the embedded catalogue %s: %v", lang, err))
		}
		all = append(all, &Localizer{lang: lang, messages: i18n.NewLocalizer(bundle, lang), plain: &sync.Map{}})
	}
	return all
}

// Localizer returns texts in one language. It is safe for concurrent use.
type Localizer struct {
	lang     string
	messages *i18n.Localizer
	plain    *sync.Map // texts of messages without values, by id; a table says the same ones in each row
}

// Args are the named values of a message: {{.Name}} in the catalogue.
type Args map[string]any

// For chooses the language. Each tag is a language ("en") or an Accept-Language header. The first tag that names a known
// language counts; the default is Russian.
func For(tags ...string) *Localizer {
	for _, tag := range tags {
		wanted, _, err := language.ParseAcceptLanguage(tag)
		if err != nil || len(wanted) == 0 {
			continue
		}
		if _, i, confidence := matcher.Match(wanted...); confidence > language.No {
			return localizers()[i]
		}
	}
	return localizers()[0]
}

// Lang returns the language's tag, "ru" or "en".
func (l *Localizer) Lang() string { return l.lang }

// T returns the message with the id. For an unknown id it returns the id, so that the page still works.
func (l *Localizer) T(id string, args ...Args) string {
	if len(args) > 0 {
		return l.localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: merge(args)})
	}
	if text, ok := l.plain.Load(id); ok {
		return text.(string)
	}
	text := l.localize(&i18n.LocalizeConfig{MessageID: id})
	if text != id { // an unknown id is not kept, so that the map has at most the messages of the catalogue
		l.plain.Store(id, text)
	}
	return text
}

// N returns the message with the id in the plural form for n. The catalogue calls n {{.N}}.
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
		maps.Copy(merged, args)
	}
	return merged
}

// Refusal returns the text of a refusal: what happened, why if known, and what to do.
func (l *Localizer) Refusal(e *agent.Error) string {
	if text := l.passwordRefusal(e); text != "" {
		return text
	}
	return l.T(string(e.Code), Args{
		"Address": cmp.Or(e.Address, "—"),
		"Domain":  cmp.Or(e.Domain, "—"),
		"Ref":     cmp.Or(e.Ref, "—"),
		"Wait":    l.Duration(coarse(e.Wait)),
		"Port":    agent.DefaultWireGuardPort,
	})
}

// Reason tells a person why the session has ended.
func (l *Localizer) Reason(r agent.Reason) string { return l.T("ended_" + string(r)) }

// Problem returns the text of a problem with a field.
func (l *Localizer) Problem(p agent.Problem) string {
	args := Args{"Value": p.Value, "MinPassword": agent.MinPassword,
		"MaxNets": agent.MaxNets, "MaxDNS": agent.MaxDNS, "MaxSuffixes": agent.MaxSuffixes, "MaxFormerDomains": agent.MaxFormerDomains,
		"MaxInterfaces": agent.MaxInterfaces, "MaxConditions": agent.MaxJournalConditions, "MaxOpen": agent.MaxOpen,
		"MaxDirectories": agent.MaxDirectories, "MaxControllers": agent.MaxControllers, "MaxBases": agent.MaxBases, "MaxGroups": agent.MaxDirectoryGroups,
		"MaxTreeGroups": agent.MaxGroups, "MaxGroupDepth": agent.MaxGroupDepth, "MaxRules": agent.MaxAuthRules,
		"MaxUploadCertificates": agent.MaxUploadCertificates, "MaxUploadedCertificates": agent.MaxUploadedCertificates}
	for _, n := range agent.Numbers() {
		if n.Name == p.Field {
			args["Min"], args["Max"] = l.Number(n.Min), l.Number(n.Max)
		}
	}
	return l.T(p.Code, args)
}

// Help returns the text under the field of a number.
func (l *Localizer) Help(n agent.NumberSetting) string {
	return l.T(n.Name+"_help", Args{"Default": l.Number(n.Default)})
}
