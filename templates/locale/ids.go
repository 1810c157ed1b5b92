package locale

// Ids of messages that other packages use. Only those in Toasts may be carried to the next request.
const (
	ToastSaved            = "toast_saved"
	ToastAgentOn          = "toast_agent_on"
	ToastAgentOff         = "toast_agent_off"
	ToastUserCreated      = "toast_user_created"
	ToastUserDeleted      = "toast_user_deleted"
	ToastPasswordChanged  = "toast_password_changed"
	ToastThrottleLifted   = "toast_throttle_lifted"
	ToastSessionEnded     = "toast_session_ended"
	ToastSessionGone      = "toast_session_gone"
	ToastVPNDenied        = "toast_vpn_denied"
	ToastBrowserEnded     = "toast_browser_ended"
	ToastGatewayKept      = "toast_gateway_kept"
	ToastGatewayReturned  = "toast_gateway_returned"
	ToastTrialOver        = "toast_trial_over"
	ToastForwardingOn     = "toast_forwarding_on"
	ToastDirectoryDeleted = "toast_directory_deleted"
	ToastGroupCreated     = "toast_group_created"
	ToastGroupDeleted     = "toast_group_deleted"
	ToastConverted        = "toast_converted"
	ToastNobodyChosen     = "toast_nobody_chosen"
	ToastCheckConfirmed   = "toast_check_confirmed"
	ToastCheckOver        = "toast_check_over"
	ToastUsersChanged     = "toast_users_changed"
	ToastSessionsEnded    = "toast_sessions_ended"
	ToastImported         = "toast_imported"
	ToastKeytabSaved      = "toast_keytab_saved"
	ToastKeytabRemoved    = "toast_keytab_removed"

	ToastCertificateUploaded = "toast_certificate_uploaded"
	ToastCertificateRemoved  = "toast_certificate_removed"
	ToastOrdering            = "toast_ordering"
	ToastRootAnnounced       = "toast_root_announced"
	ToastRootCancelled       = "toast_root_cancelled"
	ToastBackupMade          = "toast_backup_made"
	ToastBackupDeleted       = "toast_backup_deleted"
	ToastAccessClosed        = "toast_access_closed"
	ToastRuleAdded           = "toast_rule_added"
	ToastRuleOn              = "toast_rule_on"
	ToastRuleOff             = "toast_rule_off"
	ToastRuleDeleted         = "toast_rule_deleted"

	AlertLastAdministrator = "alert_last_administrator"
	AlertCheckFields       = "alert_check_fields"
	AlertOutside           = "alert_outside"
	AlertForwarding        = "alert_forwarding"
	AlertNotTested         = "alert_not_tested"
	AlertGroupsUnread      = "alert_groups_unread"
	AlertCA                = "alert_ca"
	AlertTermsOver         = "alert_terms_over"
	AlertTermsBusy         = "alert_terms_busy"

	// Answers of REST and of plain-text endpoints.
	NotSignedIn     = "not_signed_in"
	Forbidden       = "forbidden"
	CrossOrigin     = "cross_origin"
	NotFound        = "not_found"
	BadRequest      = "bad_request"
	JSONEmpty       = "json_empty" // the details of BadRequest
	JSONSyntax      = "json_syntax"
	JSONObject      = "json_object"
	JSONUnknown     = "json_unknown"
	JSONBool        = "json_bool"
	JSONText        = "json_text"
	JSONNumber      = "json_number"
	JSONWhole       = "json_whole"
	JSONList        = "json_list"
	TooLarge        = "too_large"
	WrongType       = "wrong_content_type"
	SessionByRule   = "session_by_rule"
	OwnAddressOnly  = "own_address_only"
	RoleAdmin       = "role_admin"
	RoleUser        = "role_user"
	Misdirected     = "misdirected"
	FormExpired     = "form_expired"
	TooManyDownload = "too_many_downloads"
	WorkbookTooLong = "workbook_too_long"
	InstallerAbsent = "installer_absent"
	DomainAbsent    = "domain_absent"
	PortableAbsent  = "portable_absent"
	AgentOnly       = "agent_only"
	TooManyAgents   = "too_many_agents"
	Authorized      = "authorized"
	SetupLinkOver   = "setup_link_over"
	TicketMissing   = "ticket_missing"

	// Refusals of browser sign-in.
	BrowserSignInOff = "browser_sign_in_off"
	BrowserAddress   = "browser_address"
	BrowserToken     = "browser_token"
	BrowserChange    = "browser_change"

	// The notice after an address was pasted that contained more than a name: {{.Removed}}.
	DomainRemoved = "domain_removed"

	// CertificateCAStaging is the name of the staging CA of Let's Encrypt.
	CertificateCAStaging = "certificate_ca_staging"

	// Values of agent.Problem.Code for problems that package agent cannot find.
	JournalSort            = "field_journal_sort"
	JournalValue           = "field_journal_value"
	JournalDateWrong       = "journal_date_wrong"
	JournalDatesReversed   = "journal_dates_reversed"
	FieldLoginTaken        = "field_login_taken"
	FieldPasswordMismatch  = "field_password_mismatch"
	FieldPasswordWrong     = "field_password_wrong"
	FieldVPNAttached       = "field_vpn_attached"
	FieldRootAnnounced     = "field_root_announced"
	FieldInterfaceTunnel   = "field_interface_tunnel"
	FieldInterfaceLoopback = "field_interface_loopback"
	FieldInterfacePort     = "field_interface_port"
	FieldFlowtable         = "field_flowtable"
	FieldCheckChanged      = "field_check_changed"
	FieldPasswordLost      = "field_password_lost"
	FieldBase              = "field_base"
	FieldDirectoryName     = "field_directory_name"     // the Value is the name that stays
	FieldDirectoryTaken    = "field_directory_taken"    // the Value is the name
	FieldDirectoryDraft    = "field_directory_draft"    // the password typed for a test is not kept any more
	FieldDirectoryPassword = "field_directory_password" // the stored password is not sent to another server
	FieldDirectoryGroup    = "field_directory_group"    // the Value is the group as it was typed
	FieldDirectories       = "field_too_many_directories"
	FieldNoDirectory       = "field_no_directory"    // the Value is the name
	FieldGroup             = "field_group"           // there is no such group
	FieldGroupNotLocal     = "field_group_not_local" // the Value is the directory whose group it is
	FieldGroupTaken        = "field_group_taken"
	FieldGroupDepth        = "field_group_depth"
	FieldGroups            = "field_too_many_tree_groups"
	FieldGroupMember       = "field_group_member"    // the directory's group is in the tree already
	FieldOrderTooSoon      = "field_order_too_soon"  // the Value is how many minutes to wait
	FieldGroupAmbiguous    = "field_group_ambiguous" // the Value is the name
	FieldBackupRecipient   = "field_backup_recipient"
	FieldBackupFile        = "field_backup_file"
	FieldBackupKey         = "field_backup_key"
	FieldBackupForeign     = "field_backup_foreign"
	FieldBackupNewer       = "field_backup_newer"
	FieldBackupDamaged     = "field_backup_damaged"
	FieldRestoreOver       = "field_restore_over"
	FieldPassphrase        = "field_passphrase"
	FieldPassphraseTwice   = "field_passphrase_twice"
)

// Toasts are the ids of the messages after a successful action.
var Toasts = []string{ToastSaved, ToastAgentOn, ToastAgentOff, ToastUserCreated, ToastUserDeleted,
	ToastPasswordChanged, ToastThrottleLifted, ToastSessionEnded, ToastSessionGone, ToastVPNDenied, ToastBrowserEnded,
	ToastGatewayKept, ToastGatewayReturned, ToastTrialOver, ToastForwardingOn, ToastDirectoryDeleted, ToastGroupCreated, ToastGroupDeleted, ToastConverted,
	ToastNobodyChosen, ToastCheckConfirmed, ToastCheckOver, ToastKeytabSaved, ToastKeytabRemoved, ToastCertificateUploaded, ToastCertificateRemoved, ToastUsersChanged, ToastSessionsEnded, ToastImported,
	ToastOrdering, ToastRootAnnounced, ToastRootCancelled, ToastBackupMade, ToastBackupDeleted, ToastAccessClosed, ToastRuleAdded, ToastRuleOn, ToastRuleOff,
	ToastRuleDeleted}
