package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

type backupJSON struct {
	ID   string    `json:"id"` // the name of the file
	Made time.Time `json:"made"`
	Size int64     `json:"size"`
}

// restBackups answers the stored backups, the newest first, and why the last one failed.
func (s *Site) restBackups(c echo.Context) error {
	state := s.Backups.State()
	list := make([]backupJSON, len(state.Files))
	for i, f := range state.Files {
		list[i] = backupJSON{f.Name, f.Made.UTC(), f.Size}
	}
	return c.JSON(http.StatusOK, map[string]any{"backups": list, "trouble": state.Trouble})
}

// restBackupMake stores a backup now.
func (s *Site) restBackupMake(c echo.Context) error {
	made, err := s.makeBackup(c)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"id": made.Name})
}
