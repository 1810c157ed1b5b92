package handlers

import (
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent/protocol"
	"ideco-agent/static"
	"ideco-agent/templates"
)

// rule says who may use a route.
type rule int

const (
	administrator rule = iota // the zero value, so that a forgotten rule is safe
	user                      // anybody who is signed in
	setup                     // no login, but only where administrationAnswers
	anybody
)

// kind decides how a route is protected from forged requests, and the format of its errors.
type kind int

const (
	page         kind = iota // HTML; a POST carries a CSRF token, see form_token.go
	rest                     // JSON; the content type of a request with a body is limited, see carriesJSON
	plain                    // neither: files, health
	oneTimeToken             // HTML, or JSON for a JSON body; needs no cookie; a POST carries a one-time token, see web_authd_token.go
)

type route struct {
	method  string
	path    string
	rule    rule
	kind    kind
	handler echo.HandlerFunc
}

// portalRoutes is the site map of the portal. s.account loads the account in the path, s.group the group, s.directory the directory.
func (s *Site) portalRoutes() []route {
	return slices.Concat([]route{
		{"GET", "/", anybody, page, s.home},
		{"GET", "/healthz", anybody, plain, s.health},
		{"GET", static.Prefix + "*", anybody, plain, echo.WrapHandler(static.Handler())},

		{"GET", "/login", anybody, page, s.loginPage},
		{"POST", "/login", anybody, page, s.login},
		{"POST", "/login/password", anybody, page, s.loginPassword},
		{"GET", "/login/sso", anybody, page, s.loginSSOReload},
		{"POST", "/login/sso", anybody, page, s.loginSSO},
		{"POST", "/logout", anybody, page, s.logout},
		{"POST", "/language", anybody, page, s.setLanguage},
		{"POST", "/theme", anybody, page, s.setTheme},
		{"POST", "/admin/columns", administrator, page, s.setColumns},
		{"GET", "/guide", anybody, page, s.guideStart},
		{"GET", "/guide/:page", anybody, page, s.guide},
		{"GET", "/setup/:token", setup, page, s.setupPage},
		{"POST", "/setup/:token", setup, page, s.setup},

		{"GET", webAuthPath, anybody, oneTimeToken, s.webAuth},
		{"POST", webAuthPath, anybody, oneTimeToken, s.webAuthSignIn},
		{"POST", "/web_authd/logout", anybody, oneTimeToken, s.webAuthLogout},
		{"GET", "/captive-portal/api", anybody, plain, s.captiveAPI},

		{"GET", "/cabinet", user, page, s.cabinet},
		{"POST", "/cabinet/password", user, page, s.cabinetPassword},
		{"POST", "/cabinet/sessions/:id/end", user, page, s.cabinetEndSession},
		{"POST", "/cabinet/browsers/:id/end", user, page, s.cabinetEndBrowser},
		{"GET", "/download/IdecoAgent.msi", user, page, s.downloadAgent},
		{"GET", "/download/root.crt", user, page, s.downloadRoot},
		{"GET", "/download/root.pem", administrator, page, s.downloadRootPEM},
		{"GET", "/download/root-next.crt", administrator, page, s.downloadNextRoot},
		{"GET", "/download/IdecoAgent-policy.zip", administrator, page, s.downloadPolicy},
		{"GET", "/download/IdecoAgent-portable.zip", administrator, page, s.downloadPortable},

		{"GET", "/admin", administrator, page, s.adminOverviewRedirect},
		{"GET", overviewPath, administrator, page, s.adminOverview},
		{"GET", string(templates.AgentConnection), administrator, page, s.adminAgent(templates.AgentConnection)},
		{"GET", string(templates.AgentRollout), administrator, page, s.adminAgent(templates.AgentRollout)},
		{"GET", string(templates.AgentAccess), administrator, page, s.adminAgent(templates.AgentAccess)},
		{"GET", string(templates.AgentVPN), administrator, page, s.adminAgent(templates.AgentVPN)},
		{"POST", "/admin/agent/state", administrator, page, s.adminAgentState},
		{"POST", "/admin/agent/domain", administrator, page, s.adminAgentDomain},
		{"POST", "/admin/agent/domain/forget", administrator, page, s.adminAgentDomainForget},
		{"POST", "/admin/agent/settings", administrator, page, s.adminAgentSettings},
		{"POST", "/admin/agent/browser", administrator, page, s.adminAgentBrowser},
		{"POST", "/admin/agent/vpn", administrator, page, s.adminAgentVPN},
		{"GET", templates.BackupsPath, administrator, page, s.adminBackups},
		{"POST", templates.BackupsPath, administrator, page, s.adminBackupsSave},
		{"POST", templates.BackupsPath + "/key", administrator, page, s.adminBackupsKey},
		{"POST", templates.BackupsPath + "/make", administrator, page, s.adminBackupsMake},
		{"POST", templates.BackupsPath + "/download", administrator, page, s.adminBackupsDownload},
		{"POST", restorePath, administrator, page, s.adminBackupsRestore},
		{"POST", templates.BackupsPath + "/restore/apply", administrator, page, s.adminBackupsApply},
		{"GET", templates.BackupsPath + "/files/:id", administrator, page, s.adminBackupsFile},
		{"POST", templates.BackupsPath + "/files/:id/delete", administrator, page, s.adminBackupsDelete},
		{"GET", "/admin/gateway", administrator, page, s.adminGateway},
		{"POST", "/admin/gateway", administrator, page, s.adminGatewaySave},
		{"POST", "/admin/gateway/preview", administrator, page, s.adminGatewayPreview},
		{"POST", "/admin/gateway/keep", administrator, page, s.adminGatewayKeep},
		{"POST", "/admin/gateway/return", administrator, page, s.adminGatewayRevert},
		{"POST", "/admin/gateway/forwarding", administrator, page, s.adminGatewayForwarding},
		{"POST", "/admin/gateway/dns", administrator, page, s.adminGatewayDNS},
		{"GET", "/admin/certificate", administrator, page, s.adminCertificate},
		{"POST", "/admin/certificate/acme", administrator, page, s.adminCertificateACME},
		{"POST", "/admin/certificate/terms", administrator, page, s.adminCertificateTerms},
		{"POST", "/admin/certificate/retry", administrator, page, s.adminCertificateRetry},
		{"POST", uploadPath, administrator, page, s.adminCertificateUpload},
		{"POST", "/admin/certificate/uploaded/:id/delete", administrator, page, s.uploaded(s.adminCertificateRemove)},
		{"POST", "/admin/certificate/next-root", administrator, page, s.adminCertificateRoot},
		{"POST", "/admin/certificate/next-root/cancel", administrator, page, s.adminCertificateRootCancel},
		{"GET", string(templates.SystemServices), administrator, page, s.adminSystem},
		{"GET", string(templates.SystemDoctor), administrator, page, s.adminSystemDoctor},
		{"POST", string(templates.SystemDoctor), administrator, page, s.adminSystemDoctorRun},
		{"POST", templates.BundlePath, administrator, page, s.adminSystemBundle},
		{"GET", "/admin/users", administrator, page, s.adminUsers},
		{"POST", "/admin/users", administrator, page, s.adminUserCreate},
		{"POST", "/admin/users/bulk", administrator, page, s.adminUsersBulk},
		{"GET", "/admin/users/import", administrator, page, s.adminUsersImport},
		{"POST", importPath, administrator, page, s.adminUsersPreview},
		{"POST", "/admin/users/import/apply", administrator, page, s.adminUsersApply},
		{"GET", "/admin/users/export.csv", administrator, page, s.adminUsersExport},
		{"GET", "/admin/users.csv", administrator, page, s.adminUsersCSV},
		{"GET", "/admin/users/new", administrator, page, s.adminUserNew},
		{"GET", "/admin/users/:id", administrator, page, s.account(s.adminUser)},
		{"POST", "/admin/users/:id", administrator, page, s.account(s.adminUserSave)},
		{"POST", "/admin/users/:id/rules", administrator, page, s.account(s.adminUserRuleAdd)},
		{"POST", "/admin/users/:id/rules/:rule/state", administrator, page, s.userRule(s.adminUserRuleState)},
		{"POST", "/admin/users/:id/rules/:rule/delete", administrator, page, s.userRule(s.adminUserRuleDelete)},
		{"POST", "/admin/users/:id/password", administrator, page, s.account(s.adminUserPassword)},
		{"POST", "/admin/users/:id/lift", administrator, page, s.account(s.adminUserUnlock)},
		{"POST", "/admin/users/:id/delete", administrator, page, s.account(s.adminUserDelete)},
		{"GET", "/admin/groups", administrator, page, s.adminGroups},
		{"POST", "/admin/groups", administrator, page, s.adminGroupCreate},
		{"GET", "/admin/groups/new", administrator, page, s.adminGroupNew},
		{"GET", "/admin/groups/directory", administrator, page, s.adminGroupDirectory},
		{"POST", "/admin/groups/directory", administrator, page, s.adminGroupSearch},
		{"POST", "/admin/groups/directory/take", administrator, page, s.adminGroupTake},
		{"GET", "/admin/groups/:id", administrator, page, s.group(s.adminGroup)},
		{"POST", "/admin/groups/:id", administrator, page, s.group(s.adminGroupSave)},
		{"POST", "/admin/groups/:id/place", administrator, page, s.group(s.adminGroupPlace)},
		{"POST", "/admin/groups/:id/delete", administrator, page, s.group(s.adminGroupDelete)},
		{"GET", "/admin/directories", administrator, page, s.adminDirectories},
		{"GET", "/admin/directories/:id", administrator, page, s.newOrDirectory(s.adminDirectory)},
		{"POST", "/admin/directories/:id", administrator, page, s.newOrDirectory(s.adminDirectorySave)},
		{"POST", "/admin/directories/:id/test", administrator, page, s.newOrDirectory(s.adminDirectoryTest)},
		{"POST", "/admin/directories/:id/groups", administrator, page, s.newOrDirectory(s.adminDirectoryGroups)},
		{"POST", "/admin/directories/:id/convert", administrator, page, s.directory(s.adminDirectoryConvert)},
		{"POST", "/admin/directories/:id/confirm", administrator, page, s.directory(s.adminDirectoryConfirm)},
		{"POST", "/admin/directories/:id/keytab", administrator, page, s.directory(s.adminDirectoryKeytab)},
		{"POST", "/admin/directories/:id/keytab/remove", administrator, page, s.directory(s.adminDirectoryKeytabRemove)},
		{"POST", "/admin/directories/:id/delete", administrator, page, s.directory(s.adminDirectoryDelete)},
		{"GET", "/admin/monitor/sessions", administrator, page, s.monitorSessions},
		{"GET", "/admin/monitor/sessions.csv", administrator, page, s.monitorSessionsCSV},
		{"POST", "/admin/monitor/sessions/:id/end", administrator, page, s.monitorEnd},
		{"GET", "/admin/monitor/vpn", administrator, page, s.monitorVPN},
		{"GET", "/admin/monitor/vpn.csv", administrator, page, s.monitorVPNCSV},
		{"POST", "/admin/monitor/vpn/:id/deny", administrator, page, s.account(s.monitorDenyVPN)},
		{"GET", templates.JournalPath, administrator, page, s.adminJournal},
		{"GET", templates.JournalPath + ".csv", administrator, page, s.adminJournalCSV},
		{"GET", templates.JournalPath + ".xlsx", administrator, page, s.adminJournalXLSX},
		{"GET", templates.ActsPath, administrator, page, s.adminActs},
		{"GET", templates.ActsTable.CSV, administrator, page, s.adminActsCSV},

		{"POST", "/web/auth/sso", anybody, rest, s.restLoginSSO},
		{"POST", "/ad_backend/domains/:id/test", administrator, rest, s.directory(s.restDirectoryTest)},
		{"GET", "/backups", administrator, rest, s.restBackups},
		{"POST", "/backups", administrator, rest, s.restBackupMake},
		{"GET", "/conditions", administrator, rest, s.restConditions},
		{"GET", "/system/checks", administrator, rest, s.restChecks},
		{"GET", "/acts", administrator, rest, s.restActs},
		{"GET", "/system", administrator, rest, s.restSystem},
		{"GET", "/certificates", administrator, rest, s.restCertificates},
		{"POST", restCertificatesPath, administrator, rest, s.restCertificateUpload},
		{"DELETE", "/certificates/:id", administrator, rest, s.uploaded(s.restCertificateRemove)},
		{"POST", "/certificates/retry", administrator, rest, s.restCertificatesRetry},
		{"GET", "/certificates/acme", administrator, rest, s.restACME},
		{"PUT", "/certificates/acme", administrator, rest, s.restSetACME},
		{"DELETE", "/monitor_backend/auth_sessions/:id", administrator, rest, s.restEndAuthSession},
	}, s.vendorRoutes())
}

// agentRoutes is the site map of the agent endpoint. The installer needs no login, because agents update themselves; it
// holds no secret.
func (s *Site) agentRoutes() []route {
	return []route{
		{"GET", "/connect", anybody, rest, s.agentConnect},
		{"POST", protocol.AddressPath, anybody, rest, s.agentAddress},
		{"GET", "/IdecoAgent.msi", anybody, plain, s.agentInstaller},
	}
}

// httpRoutes is the site map of plain HTTP. Middleware answers two kinds of requests before it: answerChallenge those of a CA that
// checks a name of the gateway, interceptBlocked those of LAN hosts that the firewall blocks.
func (s *Site) httpRoutes() []route {
	return []route{
		{"GET", "/", anybody, plain, s.welcome},
		{"GET", signInPath, anybody, plain, s.welcome},
	}
}

// tunnelRoutes is the site map of plain HTTP on the gateway's address in the tunnel.
func (s *Site) tunnelRoutes() []route {
	return []route{
		{"GET", "/", anybody, plain, s.connected},
	}
}

// restPaths returns the first path segments of the REST routes. Errors below them are JSON, even where no route matches, so
// no page may be there.
func (s *Site) restPaths() map[string]bool {
	first := map[string]bool{}
	for _, r := range slices.Concat(s.portalRoutes(), s.agentRoutes(), s.httpRoutes(), s.tunnelRoutes()) {
		if r.kind == rest {
			first[firstSegment(r.path)] = true
		}
	}
	return first
}

// firstSegment returns the first segment: "users" of "/users/7".
func firstSegment(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}
