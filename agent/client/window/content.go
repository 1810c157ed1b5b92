package window

import (
	"strconv"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

type Input struct {
	session.Status
	Lang         locale.Lang
	Personal     settings.Personal
	Restrictions settings.Restrictions
	Gateway      string // from the settings, with the port unless it is the default; empty = none
	Locked       bool   // policy names the gateway
	Typed        FieldTexts
	Saved        bool // there is a saved password for the typed login
	// Person is the owner of the Kerberos tickets, see client.Tickets; empty = there are none.
	Person string
	// OwnMessage is a message of the window itself, for instance that the login is missing; empty = none.
	OwnMessage string
	Now        time.Time
	Traffic    *Traffic // through the VPN; nil = not known
	Change     ChangeInput
}

// Traffic is an amount of data in bytes.
type Traffic struct{ Received, Sent uint64 }

// FieldTexts is the text in the fields.
type FieldTexts struct{ Login, Password, Address string }

// Content is everything that a window and its tray icon show. The window shows the form, to log in, or the card, while this or
// another person has access, or the form that changes the password.
type Content struct {
	Icon   Icon
	Status string
	Who    string   // who has access and from where; on the card
	Rows   []Row    // of the card
	Notes  []string // below the status

	Form                     bool  // the fields and boxes are shown; otherwise the card is
	Login, Password, Address Field // Password may be on the card too
	Save, Auto               Checkbox
	Main, Extend             Button
	SSO                      Button // beside Main
	Tray                     Tray

	Change               bool // the form that changes the password is shown
	Current, New, Repeat Field
	Toggle               Button // opens and leaves that form
}

// Row is a line of the card.
type Row struct{ Label, Text string }

// Icon is the icon beside the status. Each has a shape of its own. The tray shows the same icon, except that IconAttention
// replaces IconError, and IconOK when the session is about to expire.
type Icon string

const (
	IconNone       Icon = "none"
	IconConnecting Icon = "connecting"
	IconOK         Icon = "ok"
	IconAttention  Icon = "attention"
	IconError      Icon = "error"
)

type Field struct {
	Shown       bool
	Label       string
	Text        string
	Placeholder string // shown while the field is empty
	Hint        string // below it; empty = none
	Enabled     bool   // otherwise it is read-only
}

type Checkbox struct {
	Label   string
	Checked bool
	Enabled bool
}

// Action is the action of a button or menu item.
type Action string

const (
	ActionLogin  Action = "login"
	ActionSSO    Action = "sso"
	ActionLogout Action = "logout"
	ActionExtend Action = "extend"
	ActionEnd    Action = "end" // another person's access
	ActionOpen   Action = "open"
	ActionLog    Action = "log"
	ActionReport Action = "report"
	ActionAbout  Action = "about"
	ActionExit   Action = "exit"

	ActionOpenChange  Action = "open_change"
	ActionCloseChange Action = "close_change"
	ActionChange      Action = "change_password"
)

type Button struct {
	Text    string
	Action  Action
	Enabled bool
	Shown   bool
}

// BuildContent returns the content of the window and its tray icon.
func BuildContent(in Input) Content {
	c := Content{Icon: icon(in.Status), Status: in.status(), Form: in.form(), Who: in.who(), Rows: in.rows(), Notes: in.notes()}
	switch {
	case in.OwnMessage == "":
	case in.ownMessageFirst():
		c.Icon = IconAttention
	default:
		c.Notes = append(c.Notes, in.OwnMessage)
	}
	c.Login, c.Password, c.Address = in.fields()
	c.Save, c.Auto = in.checkboxes()
	c.Main, c.Extend = in.buttons()
	c.SSO = Button{Text: in.text(locale.LogInSSO), Action: ActionSSO, Enabled: true, Shown: in.form() && !in.Busy() && in.OffersSSO(in.Person) && !in.untrusted()}
	in.applyChange(&c)
	c.Tray = in.tray(c)
	in.applyChangeMessage(&c)
	return c
}

// icon returns the icon beside the status. It is IconOK only with access.
func icon(s session.Status) Icon {
	if s.Problem != nil {
		if s.Problem.Code == session.Busy || s.Problem.Code == session.NoGateway {
			return IconAttention
		}
		return IconError
	}
	if s.Holder == session.Other {
		return IconAttention
	}
	switch s.State {
	case client.Connecting, client.Reconnecting:
		return IconConnecting
	case client.Authorized, client.TunnelUp:
		switch {
		case s.Code != "":
			return IconAttention
		case s.State == client.Authorized && s.Mode == client.ModeVPN:
			return IconConnecting // the tunnel is coming up
		}
		return IconOK
	case client.Ended:
		if s.Code == string(agent.ReasonLogout) {
			return IconNone
		}
		return IconAttention
	case client.Failed:
		return IconError
	}
	return IconNone
}

// status returns the text of the status, which is never empty.
func (in Input) status() string {
	switch {
	case in.OwnMessage != "" && in.ownMessageFirst():
		return in.OwnMessage
	case in.Problem != nil:
		return in.Problem.Message
	case in.Holder == session.Other:
		return in.text(locale.AccessTaken)
	case in.State == session.Ready && in.OffersSSO(in.Person):
		return in.text(locale.AnsweredSSO)
	case in.Message != "":
		return in.Message
	}
	return in.defaultStatus()
}

// ownMessageFirst reports whether the window's own message replaces the status. During an access or a login it goes below
// the status.
func (in Input) ownMessageFirst() bool { return !in.Busy() && in.Holder != session.Other }

// defaultStatus returns the status when neither the gateway nor the program has sent a message with it.
func (in Input) defaultStatus() string {
	server := in.server()
	code := in.text(locale.Code(agent.Code(in.Code)), "server", server, "port", strconv.Itoa(agent.DefaultWireGuardPort))
	if in.HasAccess() && in.Code != "" {
		return code
	}
	switch in.State {
	case client.Connecting:
		key := locale.Connecting
		if in.Login != "" {
			key = locale.LoggingIn
		}
		return in.text(key, "server", server)
	case session.Ready:
		return in.text(locale.Answered)
	case client.Authorized:
		if in.Mode == client.ModeVPN {
			return in.text(locale.AuthorizedVPN)
		}
		return in.text(locale.Authorized)
	case client.TunnelUp:
		return in.text(locale.TunnelUp)
	case client.Reconnecting:
		return in.text(locale.Reason(agent.ReasonLost))
	case client.Ended:
		return in.text(locale.Reason(agent.Reason(in.Code)))
	case client.Failed:
		return code
	}
	return in.text(locale.NotConnected)
}

// server returns the gateway of the status, otherwise that of the settings.
func (in Input) server() string {
	if in.Server != "" {
		return in.Server
	}
	return in.Gateway
}

// form reports whether to show the form instead of the card. It stays during a login, because it is needed again when the
// login is refused.
func (in Input) form() bool {
	return in.Holder != session.Other && !in.HasAccess() && in.State != client.Reconnecting
}

// maxLogin is how many UTF-16 units of a login fit into a line of the card.
const maxLogin = 40

// who returns who has access and from where; empty when the person has no access.
func (in Input) who() string {
	if !in.HasAccess() || in.Holder == session.Other || in.Login == "" {
		return ""
	}
	key := locale.LoggedInAs
	switch in.Mode {
	case client.ModeLAN:
		key = locale.LoggedInLAN
	case client.ModeVPN:
		key = locale.LoggedInVPN
	}
	return in.text(key, "value", shorten(in.Login, maxLogin))
}

// rows returns the rows of the card, without those whose text is not known.
func (in Input) rows() (list []Row) {
	if in.form() || in.Holder == session.Other {
		return nil
	}
	add := func(key, text string) {
		if text != "" {
			list = append(list, Row{in.text(key), text})
		}
	}
	add(locale.RowGateway, in.server())
	if !in.HasAccess() {
		return list
	}
	if in.BySSO {
		add(locale.RowHow, in.text(locale.HowSSO))
	}
	add(locale.RowAddress, in.Address)
	add(locale.RowUntil, until(in.Lang, in.Expires, in.Now))
	if in.Traffic != nil {
		add(locale.RowReceived, locale.Bytes(in.Lang, in.Traffic.Received))
		add(locale.RowSent, locale.Bytes(in.Lang, in.Traffic.Sent))
	}
	return list
}

// until formats an RFC 3339 time in the computer's time zone and the format of lang: the time of day, with the date in front
// unless that is today. It returns "" when expires is invalid.
func until(lang locale.Lang, expires string, now time.Time) string {
	at, err := time.Parse(time.RFC3339, expires)
	if err != nil {
		return ""
	}
	at = at.In(now.Location())
	if at.YearDay() == now.YearDay() && at.Year() == now.Year() {
		return at.Format("15:04")
	}
	if lang == locale.English {
		return at.Format("2 Jan 2006 15:04")
	}
	return at.Format("02.01.2006 15:04")
}

func (in Input) notes() (list []string) {
	if in.Holder == session.Other {
		if in.CanEnd {
			return nil
		}
		return []string{in.text(locale.AccessWait)}
	}
	for _, n := range in.Notices {
		if n.Code != client.NoticePasswordKept { // shown as the status, see applyChangeMessage
			list = append(list, n.Message)
		}
	}
	return list
}

// asksPassword reports whether the card asks for the password, to extend the session.
func (in Input) asksPassword() bool {
	_, expiring := in.Notice(client.NoticeExpiring)
	return in.HasAccess() && in.Holder != session.Other && expiring && in.ExtensionNeedsPassword()
}

// untrusted reports whether the program cannot tell that the server is the gateway, and so asks for no password. Another address may be
// typed.
func (in Input) untrusted() bool {
	return in.Problem == nil && in.State == client.Failed && in.Code == string(agent.CodeNotTrusted) &&
		(in.Locked || strings.TrimSpace(in.Typed.Address) == in.Gateway)
}

func (in Input) fields() (login, password, address Field) {
	form, editable := in.form(), in.form() && !in.Busy()
	login = Field{Shown: form, Label: in.text(locale.FieldLogin), Text: in.Typed.Login, Enabled: editable}
	password = Field{Shown: form || in.asksPassword(), Label: in.text(locale.FieldPass), Text: in.Typed.Password, Enabled: editable && !in.untrusted() || in.asksPassword()}
	if in.Saved && form && !in.Restrictions.SavedPassword {
		password.Placeholder = in.text(locale.PasswordKept)
	}
	address = Field{Shown: form, Label: in.text(locale.FieldAddress), Text: in.Typed.Address, Enabled: editable && !in.Locked}
	if in.Locked {
		address.Hint = in.text(locale.AddressSet)
	}
	return login, password, address
}

func (in Input) checkboxes() (save, auto Checkbox) {
	save = Checkbox{Label: in.text(locale.CheckSave), Checked: in.Personal.SavePassword, Enabled: true}
	auto = Checkbox{Label: in.text(locale.CheckAuto), Checked: in.Personal.AutoConnect && (in.Personal.SavePassword || in.Person != ""), Enabled: true}
	if in.Restrictions.SavedPassword {
		save = Checkbox{Label: in.text(locale.SaveBanned)}
		auto.Checked, auto.Enabled = in.Personal.AutoConnect && in.Person != "", in.OffersSSO(in.Person)
	}
	return save, auto
}

func (in Input) buttons() (main, extend Button) {
	extend = Button{Text: in.text(locale.Extend), Action: ActionExtend, Enabled: true}
	switch {
	case in.Holder == session.Other && in.CanEnd:
		return Button{Text: in.text(locale.EndOther), Action: ActionEnd, Enabled: true, Shown: true}, extend
	case in.Holder == session.Other:
		return Button{Text: in.text(locale.LogIn), Action: ActionLogin}, extend
	case in.HasAccess():
		_, extend.Shown = in.Notice(client.NoticeExpiring)
		return Button{Text: in.text(locale.LogOut), Action: ActionLogout, Enabled: true, Shown: true}, extend
	case in.State == client.Reconnecting:
		return Button{Text: in.text(locale.LogOut), Action: ActionLogout, Enabled: true, Shown: true}, extend
	case in.Busy():
		return Button{Text: in.text(locale.Cancel), Action: ActionLogout, Enabled: true, Shown: true}, extend
	}
	return Button{Text: in.text(locale.LogIn), Action: ActionLogin, Enabled: !in.untrusted(), Shown: true}, extend
}

func (in Input) text(key string, values ...string) string {
	return locale.Text(in.Lang, key, values...)
}
