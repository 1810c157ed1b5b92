package agent

import (
	"sort"
	"time"
)

// Check is one result of the doctor, which finds out whether the gateway and what it needs on this computer work.
type Check struct {
	Group CheckGroup
	Code  CheckCode
	State StepState
	Args  map[string]string // arguments of the texts; CheckCode names them

	Condition *Condition  // with CheckCondition
	Step      *StepResult // with CheckDirectoryFailed and CheckDirectoryWarning: the step of the test
}

// NewCheck returns a result. Its group and state are those of the code.
func NewCheck(code CheckCode, args map[string]string) Check {
	k := checkKinds[code]
	return Check{Group: k.group, Code: code, State: k.state, Args: args}
}

// CheckOfCondition returns a condition of the gateway as a result.
func CheckOfCondition(c Condition) Check {
	state := StepWarning
	if c.Severity == SeverityBad {
		state = StepFailed
	}
	return Check{Group: conditionGroups[c.Code], Code: CheckCondition, State: state, Args: c.Args, Condition: &c}
}

// Name is the code, or that of the condition. It is what REST calls code.
func (c Check) Name() string {
	if c.Condition != nil {
		return string(c.Condition.Code)
	}
	return string(c.Code)
}

// CheckReport is the result of all checks.
type CheckReport struct {
	At     time.Time // when they began
	Took   time.Duration
	Checks []Check // in the order of CheckGroups
}

// Count returns how many results have a state.
func (r CheckReport) Count(state StepState) (n int) {
	for _, c := range r.Checks {
		if c.State == state {
			n++
		}
	}
	return n
}

// Of returns the results of a group.
func (r CheckReport) Of(group CheckGroup) (list []Check) {
	for _, c := range r.Checks {
		if c.Group == group {
			list = append(list, c)
		}
	}
	return list
}

// Worst returns the worst state of a group. A result that could not be found out is better than a warning.
func (r CheckReport) Worst(group CheckGroup) StepState {
	worst := StepOK
	for _, c := range r.Of(group) {
		if severityOf[c.State] > severityOf[worst] {
			worst = c.State
		}
	}
	return worst
}

// StepStates lists every StepState, for tests that look for a missing text.
var StepStates = []StepState{StepOK, StepWarning, StepFailed, StepSkipped}

var severityOf = map[StepState]int{StepOK: 0, StepSkipped: 1, StepWarning: 2, StepFailed: 3}

// Sort puts the results in the order of CheckGroups.
func (r *CheckReport) Sort() {
	place := map[CheckGroup]int{}
	for i, g := range CheckGroups {
		place[g] = i
	}
	sort.SliceStable(r.Checks, func(i, j int) bool { return place[r.Checks[i].Group] < place[r.Checks[j].Group] })
}

// CheckGroup is a part of the gateway, or something that it needs.
type CheckGroup string

// Groups.
const (
	ChecksGateway     CheckGroup = "gateway"
	ChecksService     CheckGroup = "service"
	ChecksPorts       CheckGroup = "ports"
	ChecksName        CheckGroup = "name"
	ChecksCertificate CheckGroup = "certificate"
	ChecksClock       CheckGroup = "clock"
	ChecksRights      CheckGroup = "rights"
	ChecksKernel      CheckGroup = "kernel"
	ChecksForwarding  CheckGroup = "forwarding"
	ChecksDNS         CheckGroup = "dns"
	ChecksTunnel      CheckGroup = "tunnel"
	ChecksFirewall    CheckGroup = "firewall"
	ChecksDirectories CheckGroup = "directories"
	ChecksDisk        CheckGroup = "disk"
	ChecksMemory      CheckGroup = "memory"
)

// CheckGroups lists every group in the order in which people read them.
var CheckGroups = []CheckGroup{ChecksGateway, ChecksService, ChecksPorts, ChecksName, ChecksCertificate, ChecksClock, ChecksRights, ChecksKernel,
	ChecksForwarding, ChecksDNS, ChecksTunnel, ChecksFirewall, ChecksDirectories, ChecksDisk, ChecksMemory}

// CheckCode says what was found. The catalogues have its text under "check_<code>", and what to do under "check_<code>_cure" unless its
// state is StepOK.
type CheckCode string

// Codes. The comment names the arguments of the texts.
const (
	CheckCondition CheckCode = "condition" // a condition of the page «Шлюз»; it has the text
	CheckTimeout   CheckCode = "timeout"   // the checks of a group took too long

	CheckRunning        CheckCode = "running" // {Version}, {Process}
	CheckStopped        CheckCode = "stopped" // {Data}
	CheckRunningUnknown CheckCode = "running_unknown"
	CheckNoData         CheckCode = "no_data" // {Data}

	CheckUnit         CheckCode = "unit" // {Unit}, {State}
	CheckUnitFailed   CheckCode = "unit_failed"
	CheckUnitDisabled CheckCode = "unit_disabled" // {Unit}
	CheckUnitRestarts CheckCode = "unit_restarts" // {Unit}, {Count}
	CheckUnitAbsent   CheckCode = "unit_absent"   // {Unit}
	CheckNoSystemd    CheckCode = "no_systemd"

	CheckPort            CheckCode = "port"      // this gateway answers: {Port}, {Flag}, {Addresses}
	CheckPortUDP         CheckCode = "port_udp"  // this gateway listens: {Port}, {Flag}
	CheckPortFree        CheckCode = "port_free" // the gateway is stopped, and it could listen: {Port}, {Flag}
	CheckPortTaken       CheckCode = "port_taken"
	CheckPortClosed      CheckCode = "port_closed"      // nothing listens: {Port}, {Flag}
	CheckPortUnreachable CheckCode = "port_unreachable" // it listens and does not answer at {Addresses}: {Port}, {Flag}
	CheckPortNoRights    CheckCode = "port_no_rights"   // {Port}, {Flag}
	CheckPortNoAddress   CheckCode = "port_no_address"  // {Port}, {Flag}, {Address}

	CheckName           CheckCode = "name"            // leads to this computer: {Name}, {Addresses}
	CheckNameForwarded  CheckCode = "name_forwarded"  // leads to a router that forwards to this gateway: {Name}, {Addresses}
	CheckNameUnresolved CheckCode = "name_unresolved" // {Name}
	CheckNameElsewhere  CheckCode = "name_elsewhere"  // leads to other addresses, where nothing answers: {Name}, {Addresses}, {Own}, {Port}
	CheckNameOther      CheckCode = "name_other"      // somebody else answers there: {Name}, {Addresses}, {Own}, {Port}

	CheckCertificate          CheckCode = "certificate"           // {Name}, {Issuer}, {Until}, {Days}
	CheckCertificateEnding    CheckCode = "certificate_ending"    // {Name}, {Issuer}, {Until}, {Days}
	CheckCertificateExpired   CheckCode = "certificate_expired"   // {Name}, {Issuer}, {Until}
	CheckCertificateUntrusted CheckCode = "certificate_untrusted" // {Name}, {Issuer}
	CheckCertificateUnknown   CheckCode = "certificate_unknown"   // {Name}
	CheckRoot                 CheckCode = "root"                  // {Pin}, {Until}
	CheckRootUnknown          CheckCode = "root_unknown"
	CheckRootOther            CheckCode = "root_other"  // agents are shown another root than that of the data directory
	CheckRootEnding           CheckCode = "root_ending" // {Until}

	CheckClock         CheckCode = "clock" // {Time}, {Zone}
	CheckClockUnsynced CheckCode = "clock_unsynced"
	CheckClockUnknown  CheckCode = "clock_unknown"
	CheckClockPast     CheckCode = "clock_past" // the clock is before {Since}: {Time}

	CheckUser               CheckCode = "user" // {User}
	CheckFiles              CheckCode = "files"
	CheckFilesUnknown       CheckCode = "files_unknown" // {Data}
	CheckFileOwner          CheckCode = "file_owner"    // {File}, {Owner}, {User}, {Command}
	CheckFileWritable       CheckCode = "file_writable" // others may change it: {File}, {Mode}, {Command}
	CheckFileOpen           CheckCode = "file_open"     // others may read it: {File}, {Mode}, {Command}
	CheckFileKind           CheckCode = "file_kind"     // it is a link, a directory or something else: {File}
	CheckCapabilities       CheckCode = "capabilities"
	CheckCapabilitiesLack   CheckCode = "capabilities_lack" // {Capabilities}
	CheckCapabilitiesLittle CheckCode = "capabilities_few"  // the gateway works without them: {Capabilities}

	CheckKernel           CheckCode = "kernel" // {Release}
	CheckNFTables         CheckCode = "nftables"
	CheckNFTablesMissing  CheckCode = "nftables_missing"
	CheckNFTablesProgram  CheckCode = "nftables_program" // the program nft is missing
	CheckNFTablesUnknown  CheckCode = "nftables_unknown"
	CheckWireGuardModule  CheckCode = "wireguard_module"
	CheckTun              CheckCode = "tun"
	CheckTunMissing       CheckCode = "tun_missing"
	CheckConntrack        CheckCode = "conntrack"      // {Now}, {Max}
	CheckConntrackFull    CheckCode = "conntrack_full" // {Now}, {Max}
	CheckConntrackUnknown CheckCode = "conntrack_unknown"
	CheckIPv6             CheckCode = "ipv6"
	CheckIPv6Off          CheckCode = "ipv6_off"

	CheckForwarding4    CheckCode = "forwarding_4"
	CheckForwarding6    CheckCode = "forwarding_6"
	CheckForwarding6Off CheckCode = "forwarding_6_off" // and not needed
	CheckForwardingIdle CheckCode = "forwarding_idle"  // no interfaces are chosen

	CheckDNS          CheckCode = "dns_before_login" // computers in the LAN can look names up
	CheckDNSIdle      CheckCode = "dns_idle"         // nothing is closed before login
	CheckDNSServer    CheckCode = "dns_server"       // {Server}
	CheckDNSSilent    CheckCode = "dns_silent"       // {Server}
	CheckDNSNoServers CheckCode = "dns_no_servers"

	CheckTunnel        CheckCode = "tunnel" // {Interface}, {Mode}, {Port}
	CheckTunnelOff     CheckCode = "tunnel_off"
	CheckTunnelUnknown CheckCode = "tunnel_unknown"

	CheckTable            CheckCode = "table" // {Sessions}
	CheckTableIdle        CheckCode = "table_idle"
	CheckTableUnknown     CheckCode = "table_unknown"
	CheckTableOrphan      CheckCode = "table_orphan"
	CheckTableHeld        CheckCode = "table_held" // {Process}
	CheckBootUnit         CheckCode = "boot_unit"
	CheckBootUnitDisabled CheckCode = "boot_unit_disabled"

	CheckDirectory        CheckCode = "directory_answers" // {Name}
	CheckDirectoryWarning CheckCode = "directory_warning" // {Name}; the step has the text
	CheckDirectoryFailed  CheckCode = "directory_failed"  // {Name}; the step has the text
	CheckNoDirectories    CheckCode = "no_directories"

	CheckDisk            CheckCode = "disk" // {Path}, {Free}, {Total}
	CheckDiskLow         CheckCode = "disk_low"
	CheckDiskFull        CheckCode = "disk_full"
	CheckInodesLow       CheckCode = "inodes_low" // {Path}, {Left}
	CheckDiskUnknown     CheckCode = "disk_unknown"
	CheckDatabase        CheckCode = "database"         // {Size}
	CheckDatabaseDamaged CheckCode = "database_damaged" // {Error}
	CheckDatabaseNewer   CheckCode = "database_newer"
	CheckDatabaseOlder   CheckCode = "database_older"
	CheckDatabaseUnknown CheckCode = "database_unknown" // {Error}

	CheckMemory         CheckCode = "memory" // {Free}, {Used}
	CheckMemoryLow      CheckCode = "memory_low"
	CheckMemoryUnknown  CheckCode = "memory_unknown"
	CheckDescriptors    CheckCode = "descriptors" // {Limit}
	CheckDescriptorsLow CheckCode = "descriptors_low"
)

type checkKind struct {
	group CheckGroup
	state StepState
}

// checkKinds has all codes but CheckCondition and CheckTimeout, whose group varies.
var checkKinds = map[CheckCode]checkKind{
	CheckTimeout: {"", StepSkipped},

	CheckRunning:        {ChecksGateway, StepOK},
	CheckStopped:        {ChecksGateway, StepFailed},
	CheckRunningUnknown: {ChecksGateway, StepSkipped},
	CheckNoData:         {ChecksGateway, StepFailed},

	CheckUnit:         {ChecksService, StepOK},
	CheckUnitFailed:   {ChecksService, StepFailed},
	CheckUnitDisabled: {ChecksService, StepWarning},
	CheckUnitRestarts: {ChecksService, StepWarning},
	CheckUnitAbsent:   {ChecksService, StepSkipped},
	CheckNoSystemd:    {ChecksService, StepSkipped},

	CheckPort:            {ChecksPorts, StepOK},
	CheckPortUDP:         {ChecksPorts, StepOK},
	CheckPortFree:        {ChecksPorts, StepOK},
	CheckPortTaken:       {ChecksPorts, StepFailed},
	CheckPortClosed:      {ChecksPorts, StepFailed},
	CheckPortUnreachable: {ChecksPorts, StepFailed},
	CheckPortNoRights:    {ChecksPorts, StepSkipped},
	CheckPortNoAddress:   {ChecksPorts, StepFailed},

	CheckName:           {ChecksName, StepOK},
	CheckNameForwarded:  {ChecksName, StepOK},
	CheckNameUnresolved: {ChecksName, StepFailed},
	CheckNameElsewhere:  {ChecksName, StepWarning},
	CheckNameOther:      {ChecksName, StepFailed},

	CheckCertificate:          {ChecksCertificate, StepOK},
	CheckCertificateEnding:    {ChecksCertificate, StepWarning},
	CheckCertificateExpired:   {ChecksCertificate, StepFailed},
	CheckCertificateUntrusted: {ChecksCertificate, StepWarning},
	CheckCertificateUnknown:   {ChecksCertificate, StepSkipped},
	CheckRoot:                 {ChecksCertificate, StepOK},
	CheckRootUnknown:          {ChecksCertificate, StepSkipped},
	CheckRootOther:            {ChecksCertificate, StepFailed},
	CheckRootEnding:           {ChecksCertificate, StepWarning},

	CheckClock:         {ChecksClock, StepOK},
	CheckClockUnsynced: {ChecksClock, StepWarning},
	CheckClockUnknown:  {ChecksClock, StepSkipped},
	CheckClockPast:     {ChecksClock, StepFailed},

	CheckUser:               {ChecksRights, StepOK},
	CheckFiles:              {ChecksRights, StepOK},
	CheckFilesUnknown:       {ChecksRights, StepSkipped},
	CheckFileOwner:          {ChecksRights, StepFailed},
	CheckFileWritable:       {ChecksRights, StepFailed},
	CheckFileOpen:           {ChecksRights, StepWarning},
	CheckFileKind:           {ChecksRights, StepFailed},
	CheckCapabilities:       {ChecksRights, StepOK},
	CheckCapabilitiesLack:   {ChecksRights, StepFailed},
	CheckCapabilitiesLittle: {ChecksRights, StepWarning},

	CheckKernel:           {ChecksKernel, StepOK},
	CheckNFTables:         {ChecksKernel, StepOK},
	CheckNFTablesMissing:  {ChecksKernel, StepFailed},
	CheckNFTablesProgram:  {ChecksKernel, StepFailed},
	CheckNFTablesUnknown:  {ChecksKernel, StepSkipped},
	CheckWireGuardModule:  {ChecksKernel, StepOK},
	CheckTun:              {ChecksKernel, StepOK},
	CheckTunMissing:       {ChecksKernel, StepFailed},
	CheckConntrack:        {ChecksKernel, StepOK},
	CheckConntrackFull:    {ChecksKernel, StepWarning},
	CheckConntrackUnknown: {ChecksKernel, StepSkipped},
	CheckIPv6:             {ChecksKernel, StepOK},
	CheckIPv6Off:          {ChecksKernel, StepOK},

	CheckForwarding4:    {ChecksForwarding, StepOK},
	CheckForwarding6:    {ChecksForwarding, StepOK},
	CheckForwarding6Off: {ChecksForwarding, StepOK},
	CheckForwardingIdle: {ChecksForwarding, StepOK},

	CheckDNS:          {ChecksDNS, StepOK},
	CheckDNSIdle:      {ChecksDNS, StepOK},
	CheckDNSServer:    {ChecksDNS, StepOK},
	CheckDNSSilent:    {ChecksDNS, StepWarning},
	CheckDNSNoServers: {ChecksDNS, StepWarning},

	CheckTunnel:        {ChecksTunnel, StepOK},
	CheckTunnelOff:     {ChecksTunnel, StepOK},
	CheckTunnelUnknown: {ChecksTunnel, StepSkipped},

	CheckTable:            {ChecksFirewall, StepOK},
	CheckTableIdle:        {ChecksFirewall, StepOK},
	CheckTableUnknown:     {ChecksFirewall, StepSkipped},
	CheckTableOrphan:      {ChecksFirewall, StepFailed},
	CheckTableHeld:        {ChecksFirewall, StepFailed},
	CheckBootUnit:         {ChecksFirewall, StepOK},
	CheckBootUnitDisabled: {ChecksFirewall, StepWarning},

	CheckDirectory:        {ChecksDirectories, StepOK},
	CheckDirectoryWarning: {ChecksDirectories, StepWarning},
	CheckDirectoryFailed:  {ChecksDirectories, StepFailed},
	CheckNoDirectories:    {ChecksDirectories, StepOK},

	CheckDisk:            {ChecksDisk, StepOK},
	CheckDiskLow:         {ChecksDisk, StepWarning},
	CheckDiskFull:        {ChecksDisk, StepFailed},
	CheckInodesLow:       {ChecksDisk, StepFailed},
	CheckDiskUnknown:     {ChecksDisk, StepSkipped},
	CheckDatabase:        {ChecksDisk, StepOK},
	CheckDatabaseDamaged: {ChecksDisk, StepFailed},
	CheckDatabaseNewer:   {ChecksDisk, StepFailed},
	CheckDatabaseOlder:   {ChecksDisk, StepSkipped},
	CheckDatabaseUnknown: {ChecksDisk, StepSkipped},

	CheckMemory:         {ChecksMemory, StepOK},
	CheckMemoryLow:      {ChecksMemory, StepWarning},
	CheckMemoryUnknown:  {ChecksMemory, StepSkipped},
	CheckDescriptors:    {ChecksMemory, StepOK},
	CheckDescriptorsLow: {ChecksMemory, StepWarning},
}

// CheckCodes returns every code but CheckCondition, sorted, for tests that look for a missing text.
func CheckCodes() (codes []CheckCode) {
	for code := range checkKinds {
		codes = append(codes, code)
	}
	sort.Slice(codes, func(i, j int) bool { return codes[i] < codes[j] })
	return codes
}

// conditionGroups has the group of each condition.
var conditionGroups = map[ConditionCode]CheckGroup{
	ConditionStore:          ChecksDisk,
	ConditionBackup:         ChecksDisk,
	ConditionAgentOff:       ChecksGateway,
	ConditionDomain:         ChecksName,
	ConditionEnforcement:    ChecksFirewall,
	ConditionInterfaces:     ChecksFirewall,
	ConditionForwarding:     ChecksForwarding,
	ConditionDNS:            ChecksDNS,
	ConditionGone:           ChecksFirewall,
	ConditionDown:           ChecksFirewall,
	ConditionReplaced:       ChecksFirewall,
	ConditionUplinks:        ChecksFirewall,
	ConditionVLANs:          ChecksFirewall,
	ConditionNotLocal:       ChecksFirewall,
	ConditionNetworksUnseen: ChecksGateway,
	ConditionBoot:           ChecksFirewall,
	ConditionRestored:       ChecksFirewall,
	ConditionVPN:            ChecksTunnel,
	ConditionVPNLacks:       ChecksTunnel,
	ConditionInstaller:      ChecksGateway,
	ConditionDirectory:      ChecksDirectories,
	ConditionWithheld:       ChecksDirectories,
	ConditionPasswordLost:   ChecksDirectories,
	ConditionCertificate:    ChecksCertificate,
}
