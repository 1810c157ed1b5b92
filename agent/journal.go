package agent

import (
	"net/netip"
	"time"
)

// JournalEntry is a line of the journal of authorisations: a session, or a refused attempt to begin one.
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
	Way       Way        // empty in entries from before it was stored
	Inner     netip.Addr // in the LAN
	Tunnel    netip.Addr
	Outer     netip.Addr
	Started   time.Time
	Ended     time.Time // zero while the session is open; Started for a refusal
	Rx, Tx    uint64    // bytes from and to the person
	Reason    Reason    // why the session ended
	Refusal   Code      // of a refused attempt; empty for a session
}

// Refused is an attempt that was refused, for the journal.
type Refused struct {
	At     time.Time
	Login  string // as typed; the journal masks it if no account has it
	UserID UserID // 0 if not known
	Peer   Peer
	Device Device
	Way    Way
	Code   Code
}

// JournalColumn is a column of the journal that can be filtered, searched and sorted by.
type JournalColumn string

// Columns of the journal. Their values are the names in REST, see restJournal.
const (
	JournalLogin    JournalColumn = "login"
	JournalName     JournalColumn = "name"
	JournalGroup    JournalColumn = "group_name"
	JournalDevice   JournalColumn = "device"
	JournalMAC      JournalColumn = "mac"
	JournalInner    JournalColumn = "ip" // the inner or the tunnel address
	JournalOuter    JournalColumn = "external_ip"
	JournalWay      JournalColumn = "way"
	JournalReason   JournalColumn = "reason" // of the end, or the code of the refusal
	JournalStart    JournalColumn = "start"
	JournalEnd      JournalColumn = "end"
	JournalDuration JournalColumn = "time_online" // in seconds
	JournalBytes    JournalColumn = "bytes"       // Rx + Tx
)

// JournalQuery selects a page of the journal.
type JournalQuery struct {
	Search   string        // a part of login, name, device, MAC or an address, without regard to case
	Filter   JournalFilter // a tree of conditions
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
	MaxJournalConditions = 50
	MaxJournalText       = 200 // characters of a value
)

// JournalFilter is a condition, or several that are linked. The zero value selects everything.
type JournalFilter struct {
	Column   JournalColumn
	Operator JournalOperator
	Values   []string // times are RFC 3339, or a name such as "today" with JournalDateRange

	Of  []JournalFilter // linked conditions; then the fields above are empty
	Any bool            // one of them is enough
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
	// Total is how many entries the query selects; AtLeast means that there are more, because counting stops at a limit.
	Total   int
	AtLeast bool
}
