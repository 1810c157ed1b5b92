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

// The templates of the group policy: IdecoAgent.admx says which values of HKLM\Software\Policies\Ideco\Agent there are,
// and an .adml for each language what people read about them. They go into the directory PolicyDefinitions.
//
//go:embed policy
var policies embed.FS

// packed is the time of every file in the archive, so that the same files give the same bytes.
var packed = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// Policy is the archive with the templates of the group policy.
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
