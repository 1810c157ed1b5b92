package agent

import (
	"net/netip"
	"time"
)

// JournalEntry is a line of the journal: a session, or a refused attempt.
type JournalEntry struct {
	ID        string // of the session or of the refusal
	UserID    UserID // 0 for an unknown login
	Login     string // unknown logins are masked
	Name      string
	Group     string // as Session.Group
	Directory string
	Device    string // name of the device
	MAC       string
	Kind      Kind       // of the session; empty for a refusal
	Way       Way        // empty in entries of versions that did not store it
	Inner     netip.Addr // the computer's address in the LAN
	Tunnel    netip.Addr // the address in the tunnel
	Outer     netip.Addr // the address outside that the agent connected from
	Started   time.Time
	Ended     time.Time // zero while the session is open; Started for a refusal
	Rx, Tx    uint64    // bytes from and to the person
	Reason    Reason    // why the session ended
	Refusal   Code      // of a refused attempt; empty for a session
}

// RefusedAttempt is an attempt that was refused, for the journal.
type RefusedAttempt struct {
	At     time.Time
	Login  string // as typed; the journal masks it if no account has it
	UserID UserID // 0 if not known
	Peer   Peer
	Device Device
	Way    Way
	Code   Code
}

// JournalColumn is a column by which the journal can be filtered and sorted, with its name in REST.
type JournalColumn string

// Columns of the journal.
const (
	JournalLogin    JournalColumn = "login"
	JournalName     JournalColumn = "name"
	JournalGroup    JournalColumn = "group_name"
	JournalDevice   JournalColumn = "device"
	JournalMAC      JournalColumn = "mac"
	JournalInner    JournalColumn = "ip" // Inner or Tunnel
	JournalOuter    JournalColumn = "external_ip"
	JournalWay      JournalColumn = "way"
	JournalReason   JournalColumn = "reason" // Reason or Refusal
	JournalStart    JournalColumn = "start"
	JournalEnd      JournalColumn = "end"
	JournalDuration JournalColumn = "time_online" // in seconds
	JournalBytes    JournalColumn = "bytes"       // Rx + Tx
)

// JournalQuery selects a page of the journal.
type JournalQuery struct {
	Search   string // a part of the login, name, device, MAC or address; case does not matter
	Filter   JournalFilter
	Sort     JournalColumn // empty = JournalStart
	Asc      bool
	Offset   int   // at most MaxJournalOffset
	Limit    int   // at most MaxJournalPage
	Refusals *bool // only refusals, or only sessions; nil = both
}

// Limits of a JournalQuery.
const (
	MaxJournalPage       = 1000
	MaxJournalOffset     = 100000
	MaxJournalConditions = 100 // conditions and their values together
	MaxJournalText       = 200 // characters of a value
)

// JournalFilter is a comparison of a column, or a combination of filters. The zero value selects everything.
type JournalFilter struct {
	Column   JournalColumn
	Operator JournalOperator
	Values   []string // times are RFC 3339, or a name such as "today" with JournalDateRange

	Of  []JournalFilter // the filters of a combination; then the fields above are empty
	Any bool            // one of Of must hold, not all
}

// JournalOperator is a comparison, with the names of the vendor's REST.
type JournalOperator string

// Operators of filters.
const (
	JournalContains       JournalOperator = "contains"
	JournalNotContains    JournalOperator = "not_contains"
	JournalEquals         JournalOperator = "equals"
	JournalNotEquals      JournalOperator = "not_equals"
	JournalGreater        JournalOperator = "greater"
	JournalGreaterEqual   JournalOperator = "greater_equal"
	JournalLessEqual      JournalOperator = "less_equal"
	JournalDateRange      JournalOperator = "date_range" // two bounds, or one of today, yesterday, cur_week, prev_week, cur_month, prev_month
	JournalRange          JournalOperator = "range"      // two bounds
	JournalContainsAny    JournalOperator = "contains_any"
	JournalNotContainsAny JournalOperator = "not_contains_any"
)

// JournalPage is a page of the journal.
type JournalPage struct {
	Entries []JournalEntry
	Total   int  // how many entries the query selects
	AtLeast bool // counting stopped at Total: there may be more
}
