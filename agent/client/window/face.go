package window

import (
	"strconv"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/keeper"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/seat"
	"ideco-agent/agent/client/settings"
)

// Scene is all that decides what a window shows.
type Scene struct {
	View     seat.View
	Lang     locale.Lang
	Personal settings.Personal
	Bans     settings.Bans
	Server   string // the gateway as a person would write it; empty = none
	Locked   bool   // policy names the gateway
	Typed    Typed
	Saved    bool   // there is a saved password for the login that is typed
	Word     string // the window's own, which comes before the status; empty = none
	Now      time.Time
	Traffic  *Traffic // through the VPN; nil = not known
}

// Traffic is an amount of data in bytes.
type Traffic struct{ Received, Sent uint64 }

// Typed is what stands in the fields.
type Typed struct{ Login, Password, Address string }

// Face is everything that a window and its tray icon show. While there is access to show, or somebody else has it, a card
// takes the place of the form.
type Face struct {
	Icon   Icon
	Status string
	Who    string   // has access and from where; on the card
	Rows   []Row    // of the card
	Notes  []string // beside the status

	Form                     bool  // the fields and boxes are on show; otherwise the card is
	Login, Password, Address Field // Password may be on the card too
	Save, Auto               Check
	Main, Extend             Button
	Tray                     Tray
}

// Row is a line of the card.
type Row struct{ Label, Text string }

// Icon stands beside the status; its shape tells it from the others.
type Icon string

// Icons. They are also the tray's, which has no IconNone and no IconError: it shows IconNone for disconnected and
// IconAttention for both.
const (
	IconNone       Icon = "none"
	IconConnecting Icon = "connecting"
	IconOK         Icon = "ok"
	IconAttention  Icon = "attention"
	IconError      Icon = "error"
)

// Field is a field to type in. One that is not Shown is not there.
type Field struct {
	Shown   bool
	Label   string
	Text    string
	Cue     string // shown while it is empty
	Hint    string // below it; empty = none
	Enabled bool   // otherwise it can be read and nothing else
}

// Check is a box to tick.
type Check struct {
	Label   string
	Ticked  bool
	Enabled bool
}

// Act is what a button or an item of the menu does.
type Act string

// Acts.
const (
	ActLogin  Act = "login"
	ActLogout Act = "logout"
	ActExtend Act = "extend"
	ActEnd    Act = "end" // somebody else's access
	ActOpen   Act = "open"
	ActLog    Act = "log"
	ActReport Act = "report"
	ActAbout  Act = "about"
	ActExit   Act = "exit"
)

// Button is a button. One that is not Shown is not there.
type Button struct {
	Text    string
	Act     Act
	Enabled bool
	Shown   bool
}

// Paint draws a face.
func Paint(s Scene) Face {
	f := Face{Icon: icon(s.View), Status: s.status(), Form: s.form(), Who: s.who(), Rows: s.rows(), Notes: s.notes()}
	switch {
	case s.Word == "":
	case s.wordFirst():
		f.Icon = IconAttention
	default:
		f.Notes = append(f.Notes, s.Word)
	}
	f.Login, f.Password, f.Address = s.fields()
	f.Save, f.Auto = s.checks()
	f.Main, f.Extend = s.buttons()
	f.Tray = s.tray(f)
	return f
}

// icon never says ok without access.
func icon(v seat.View) Icon {
	if v.Problem != nil {
		if v.Problem.Code == seat.Busy || v.Problem.Code == seat.NoGateway {
			return IconAttention
		}
		return IconError
	}
	if v.Control == seat.Other {
		return IconAttention
	}
	switch v.State {
	case client.Connecting, client.Reconnecting:
		return IconConnecting
	case client.Authorized, client.TunnelUp:
		switch {
		case v.Code != "":
			return IconAttention
		case v.State == client.Authorized && v.Mode == client.ModeVPN:
			return IconConnecting // the tunnel is on its way
		}
		return IconOK
	case client.Ended:
		if v.Code == string(agent.ReasonLogout) {
			return IconNone
		}
		return IconAttention
	case client.Failed:
		return IconError
	}
	return IconNone
}

// status is never empty.
func (s Scene) status() string {
	v := s.View
	switch {
	case s.Word != "" && s.wordFirst():
		return s.Word
	case v.Problem != nil:
		return v.Problem.Message
	case v.Control == seat.Other:
		return s.text(locale.SeatTaken)
	case v.Message != "":
		return v.Message
	}
	return s.standIn()
}

// wordFirst tells whether the window's own word may hide what the seat says: never how it stands with the access.
func (s Scene) wordFirst() bool { return !s.View.Busy() && s.View.Control != seat.Other }

// standIn is for a status without a message.
func (s Scene) standIn() string {
	v := s.View
	server := s.server()
	code := s.text(locale.Code(agent.Code(v.Code)), "server", server, "port", strconv.Itoa(agent.DefaultWireGuardPort))
	if v.HasAccess() && v.Code != "" {
		return code
	}
	switch v.State {
	case client.Connecting:
		key := locale.Connecting
		if v.Login != "" {
			key = locale.LoggingIn
		}
		return s.text(key, "server", server)
	case keeper.Ready:
		return s.text(locale.Answered)
	case client.Authorized:
		if v.Mode == client.ModeVPN {
			return s.text(locale.AuthorizedVPN)
		}
		return s.text(locale.Authorized)
	case client.TunnelUp:
		return s.text(locale.TunnelUp)
	case client.Reconnecting:
		return s.text(locale.Reason(agent.ReasonLost))
	case client.Ended:
		return s.text(locale.Reason(agent.Reason(v.Code)))
	case client.Failed:
		return code
	}
	return s.text(locale.NotConnected)
}

// server is the gateway that the access is had from, or will be.
func (s Scene) server() string {
	if s.View.Server != "" {
		return s.View.Server
	}
	return s.Server
}

// form tells whether there is something to fill in. While a login is on its way the form stays, because it comes back when
// the login is refused.
func (s Scene) form() bool {
	v := s.View
	return v.Control != seat.Other && !v.HasAccess() && v.State != client.Reconnecting
}

// maxLogin is how much of a login a line of the card has room for.
const maxLogin = 40

// who is empty where nobody has access now, or somebody else.
func (s Scene) who() string {
	v := s.View
	if !v.HasAccess() || v.Control == seat.Other || v.Login == "" {
		return ""
	}
	key := locale.LoggedInAs
	switch v.Mode {
	case client.ModeLAN:
		key = locale.LoggedInLAN
	case client.ModeVPN:
		key = locale.LoggedInVPN
	}
	return s.text(key, "value", shorten(v.Login, maxLogin))
}

// rows are what else there is to know of the access. What is not known has no row.
func (s Scene) rows() (list []Row) {
	v := s.View
	if s.form() || v.Control == seat.Other {
		return nil
	}
	add := func(key, text string) {
		if text != "" {
			list = append(list, Row{s.text(key), text})
		}
	}
	add(locale.RowGateway, s.server())
	if !v.HasAccess() {
		return list
	}
	add(locale.RowAddress, v.Address)
	add(locale.RowUntil, until(v.Expires, s.Now))
	if s.Traffic != nil {
		add(locale.RowReceived, locale.Bytes(s.Lang, s.Traffic.Received))
		add(locale.RowSent, locale.Bytes(s.Lang, s.Traffic.Sent))
	}
	return list
}

// until is an RFC 3339 time as a person on this computer would say it: the time of day, and the date unless it is today.
func until(expires string, now time.Time) string {
	at, err := time.Parse(time.RFC3339, expires)
	if err != nil {
		return ""
	}
	at = at.In(now.Location())
	if at.YearDay() == now.YearDay() && at.Year() == now.Year() {
		return at.Format("15:04")
	}
	return at.Format("02.01.2006 15:04")
}

func (s Scene) notes() (list []string) {
	v := s.View
	if v.Control == seat.Other {
		if v.CanEnd {
			return nil
		}
		return []string{s.text(locale.SeatWait)}
	}
	for _, n := range v.Notices {
		list = append(list, n.Message)
	}
	return list
}

// asksPassword tells whether the card asks for the password with which the session can be extended.
func (s Scene) asksPassword() bool {
	_, expiring := s.View.Notice(client.NoticeExpiring)
	return s.View.HasAccess() && s.View.Control != seat.Other && expiring && s.View.AsksPassword()
}

func (s Scene) fields() (login, password, address Field) {
	form, free := s.form(), s.form() && !s.View.Busy()
	login = Field{Shown: form, Label: s.text(locale.FieldLogin), Text: s.Typed.Login, Enabled: free}
	password = Field{Shown: form || s.asksPassword(), Label: s.text(locale.FieldPass), Text: s.Typed.Password, Enabled: free || s.asksPassword()}
	if s.Saved && form && !s.Bans.SavedPassword {
		password.Cue = s.text(locale.PasswordKept)
	}
	address = Field{Shown: form, Label: s.text(locale.FieldAddress), Text: s.Typed.Address, Enabled: free && !s.Locked}
	if s.Locked {
		address.Hint = s.text(locale.AddressSet)
	}
	return login, password, address
}

func (s Scene) checks() (save, auto Check) {
	save = Check{Label: s.text(locale.CheckSave), Ticked: s.Personal.SavePassword, Enabled: true}
	auto = Check{Label: s.text(locale.CheckAuto), Ticked: s.Personal.SavePassword && s.Personal.AutoConnect, Enabled: true}
	if s.Bans.SavedPassword {
		save = Check{Label: s.text(locale.SaveBanned)}
		auto = Check{Label: s.text(locale.CheckAuto)}
	}
	return save, auto
}

func (s Scene) buttons() (main, extend Button) {
	v := s.View
	extend = Button{Text: s.text(locale.Extend), Act: ActExtend, Enabled: true}
	switch {
	case v.Control == seat.Other && v.CanEnd:
		return Button{s.text(locale.EndOther), ActEnd, true, true}, extend
	case v.Control == seat.Other:
		return Button{s.text(locale.LogIn), ActLogin, false, false}, extend
	case v.HasAccess():
		_, extend.Shown = v.Notice(client.NoticeExpiring)
		return Button{s.text(locale.LogOut), ActLogout, true, true}, extend
	case v.State == client.Reconnecting:
		return Button{s.text(locale.LogOut), ActLogout, true, true}, extend
	case v.Busy():
		return Button{s.text(locale.Cancel), ActLogout, true, true}, extend
	}
	return Button{s.text(locale.LogIn), ActLogin, true, true}, extend
}

func (s Scene) text(key string, values ...string) string { return locale.Text(s.Lang, key, values...) }
