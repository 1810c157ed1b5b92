package web

// backupsDir has the daily backups in the data directory.
const backupsDir = "backups"
