package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// Directories stores the settings of the directories on the network and asks the directories themselves. A group in the
// settings that are passed may have a Name alone, as it was typed: a name, a DN or an ID. Save stores what it finds by it.
type Directories interface {
	// List returns all directories, ordered by name, without passwords.
	List(context.Context) ([]agent.DirectorySettings, error)
	// Get returns one directory without its password. Errors: agent.ErrNotFound.
	Get(context.Context, agent.DirectoryID) (agent.DirectorySettings, error)
	Status(agent.DirectoryID) agent.DirectoryStatus
	// Realms are the Kerberos realms of the keytabs.
	Realms() []string
	// Services are the service principals that browsers and agents use, without realm. It may ask DNS.
	Services(context.Context) []string
	// SetKeytab replaces the keytab of a directory; an empty one removes it. Errors: agent.ErrNotFound, an agent.Problem.
	SetKeytab(ctx context.Context, id agent.DirectoryID, keytab []byte) error
	// Save adds a directory (ID zero) or changes one. An empty password or keytab keeps the stored one. Errors: agent.Problems if a field
	// is invalid; field password if the stored one must not go to another server; an *agent.Error if the directory has to be
	// asked for groups and does not answer.
	Save(context.Context, agent.DirectorySettings) (agent.DirectoryID, error)
	// Delete deletes a directory and its accounts, and returns the number of sessions that it ended.
	Delete(context.Context, agent.DirectoryID) (ended int, err error)
	// Test tests settings, saved or not. An empty password means the stored one. login may be empty. Errors: those of Save.
	Test(ctx context.Context, s agent.DirectorySettings, login string) (agent.DirectoryReport, error)
	// SearchGroups returns groups whose name contains the text. Errors: those of Save.
	SearchGroups(ctx context.Context, s agent.DirectorySettings, text string) ([]agent.DirectoryGroup, error)
	// FindGroup returns the group with an ID, a DN or a name. Errors: an agent.Problem if none or several have it; those of Save.
	FindGroup(ctx context.Context, s agent.DirectorySettings, text string) (agent.DirectoryGroup, error)
	// Convert makes local accounts those of the person with the same login in the directory.
	Convert(context.Context, agent.DirectoryID, []agent.UserID) (converted int, err error)
	// ConfirmCheck ends the sessions of the withheld check, of which the administrator saw the number. Errors:
	// agent.ErrNotFound if nothing is withheld any more, agent.Problems if more would end by now.
	ConfirmCheck(ctx context.Context, id agent.DirectoryID, sessions int) error
}

func (s *Site) adminDirectories(c echo.Context) error {
	all, err := s.Directories.List(c.Request().Context())
	if err != nil {
		return err
	}
	d := templates.AdminDirectoriesData{Now: time.Now()}
	for _, one := range all {
		d.Directories = append(d.Directories, templates.DirectoryRow{DirectorySettings: one, Status: s.Directories.Status(one.ID),
			Sessions: s.sessionsIn(one.Name)})
	}
	return s.render(c, http.StatusOK, templates.AdminDirectories(s.page(c), d))
}

// sessionsIn counts the live sessions of a directory's people.
func (s *Site) sessionsIn(directory string) (n int) {
	for _, live := range s.Sessions.Sessions() {
		if live.Directory == directory {
			n++
		}
	}
	return n
}

// usersIn counts the accounts of a directory.
func (s *Site) usersIn(ctx context.Context, directory string) (n int, err error) {
	users, err := s.allUsers(ctx)
	for _, u := range users {
		if u.Directory == directory {
			n++
		}
	}
	return n, err
}

// directory loads the directory in the path and passes it to action.
func (s *Site) directory(action func(echo.Context, agent.DirectorySettings) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		id, err := pathID[agent.DirectoryID](c)
		if err != nil {
			return err
		}
		d, err := s.Directories.Get(c.Request().Context(), id)
		if err != nil {
			return err
		}
		return action(c, d)
	}
}

// newOrDirectory is directory, but the path "new" means a directory that is not saved yet.
func (s *Site) newOrDirectory(action func(echo.Context, agent.DirectorySettings) error) echo.HandlerFunc {
	saved := s.directory(action)
	return func(c echo.Context) error {
		if c.Param("id") == "new" {
			return action(c, newDirectory())
		}
		return saved(c)
	}
}

// newDirectory returns the settings that a new directory begins with.
func newDirectory() agent.DirectorySettings {
	return agent.DirectorySettings{Kind: agent.DirectoryAD, Transport: agent.TransportLDAPS, CheckInterval: agent.DefaultCheckInterval}
}
