package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"ideco-agent/agent"
)

// UploadedCertificates returns the uploaded certificates, the newest first.
func (s *Store) UploadedCertificates(ctx context.Context) (list []agent.UploadedCertificate, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		list, err = all(ctx, tx, func(row scanner) (c agent.UploadedCertificate, err error) {
			return c, row.Scan(&c.ID, timeColumn{&c.Added}, &c.PEM, &c.Sealed)
		}, `SELECT id, added, chain, key FROM uploaded_certificates ORDER BY added DESC, id DESC`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the uploaded certificates: %w", err)
	}
	return list, nil
}

// AddUploadedCertificate adds a certificate if its ID is zero, otherwise replaces the one with the ID. It returns the ID. Errors:
// agent.ErrNotFound.
func (s *Store) AddUploadedCertificate(ctx context.Context, c agent.UploadedCertificate) (agent.UploadedCertificateID, error) {
	err := s.write(ctx, func(tx *sql.Tx) error {
		if c.ID == 0 {
			return tx.QueryRowContext(ctx, `INSERT INTO uploaded_certificates (added, chain, key) VALUES ($1, $2, $3) RETURNING id`,
				micros(c.Added), c.PEM, c.Sealed).Scan(&c.ID)
		}
		return changeOne(tx.ExecContext(ctx, `UPDATE uploaded_certificates SET added = $1, chain = $2, key = $3 WHERE id = $4`,
			micros(c.Added), c.PEM, c.Sealed, int64(c.ID)))
	})
	if err != nil {
		return 0, fmt.Errorf("save an uploaded certificate: %w", err)
	}
	return c.ID, nil
}

// RemoveUploadedCertificate removes an uploaded certificate with its key. Errors: agent.ErrNotFound.
func (s *Store) RemoveUploadedCertificate(ctx context.Context, id agent.UploadedCertificateID) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		return changeOne(tx.ExecContext(ctx, `DELETE FROM uploaded_certificates WHERE id = $1`, int64(id)))
	})
	if err != nil {
		return fmt.Errorf("remove uploaded certificate %d: %w", id, err)
	}
	return nil
}

// maxCertificateEvents limits the history of the certificates. The events that were added first are dropped.
const maxCertificateEvents = 500

// AddCertificateEvent adds an event to the history of the certificates.
func (s *Store) AddCertificateEvent(ctx context.Context, e agent.CertificateEvent) error {
	args := ""
	if len(e.Args) > 0 {
		text, err := json.Marshal(e.Args)
		if err != nil {
			return fmt.Errorf("encode an event of the certificates: %w", err)
		}
		args = string(text)
	}
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO certificate_events (at, event, name, source, login, cause, args, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			micros(e.At), string(e.Event), e.Name, string(e.Source), e.By, string(e.Cause), args, e.Detail)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM certificate_events WHERE id NOT IN (SELECT id FROM certificate_events ORDER BY id DESC LIMIT $1)`,
			maxCertificateEvents)
		return err
	})
	if err != nil {
		return fmt.Errorf("save an event of the certificates: %w", err)
	}
	return nil
}

// CertificateEvents returns at most limit events of the history, the last added first.
func (s *Store) CertificateEvents(ctx context.Context, limit int) (list []agent.CertificateEvent, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		list, err = all(ctx, tx, func(row scanner) (e agent.CertificateEvent, err error) {
			var args string
			if err := row.Scan(timeColumn{&e.At}, &e.Event, &e.Name, &e.Source, &e.By, &e.Cause, &args, &e.Detail); err != nil || args == "" {
				return e, err
			}
			return e, json.Unmarshal([]byte(args), &e.Args)
		}, `SELECT at, event, name, source, login, cause, args, detail FROM certificate_events ORDER BY id DESC LIMIT $1`, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the history of the certificates: %w", err)
	}
	return list, nil
}
