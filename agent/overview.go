package agent

import "time"

// Activity is what the journal knows about a period: when sessions began and ended, what was refused, and the traffic.
type Activity struct {
	From     time.Time // of the period
	Until    time.Time
	Ended    []Span // sessions that ended in the period
	Refusals []RefusalCount
	Traffic  []TrafficCount
}

// Span is the time of a session.
type Span struct {
	Kind    Kind
	Started time.Time
	Ended   time.Time // zero while it lives
}

// RefusalCount counts the refusals of one hour and reason.
type RefusalCount struct {
	At   time.Time // when the hour began
	Code Code
	N    int
}

// TrafficCount is what one kind of sessions sent and received in one slot of TrafficSlot.
type TrafficCount struct {
	At     time.Time // when the slot began
	Kind   Kind
	Rx, Tx uint64 // bytes from and to people
}

// TrafficSlot is the length of the slots in which traffic is stored. All time zones differ by multiples of it.
const TrafficSlot = 15 * time.Minute

// SystemFacts are facts about the gateway's machine and process.
type SystemFacts struct {
	Started   time.Time // of the process
	DataDir   string
	DiskFree  uint64 // bytes that the process may still write into DataDir
	DiskTotal uint64 // 0 = unknown, and DiskFree too
}

// StoreSizes are bytes of the database.
type StoreSizes struct {
	File    int64 // with its write-ahead log
	Journal int64 // of File
}
