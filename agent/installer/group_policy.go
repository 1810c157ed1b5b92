package installer

import (
	"archive/zip"
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// The templates of the group policy, for the directory PolicyDefinitions: IdecoAgent.admx defines the values of
// HKLM\Software\Policies\Ideco\Agent, and an .adml for each language has their texts.
//
//go:embed policy
var policies embed.FS

// packed is the time of every file in the archive, so that its bytes depend only on the files.
var packed = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// Policy returns a ZIP archive with the templates of the group policy.
func Policy() ([]byte, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	err := fs.WalkDir(policies, "policy", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := policies.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := archive.CreateHeader(&zip.FileHeader{
			Name: strings.TrimPrefix(path, "policy/"), Method: zip.Deflate, Modified: packed,
		})
		if err != nil {
			return err
		}
		_, err = file.Write(content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pack the policy templates: %w", err)
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("pack the policy templates: %w", err)
	}
	return out.Bytes(), nil
}
