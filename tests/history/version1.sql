BEGIN TRANSACTION;
CREATE TABLE emoscope_history (
	version INTEGER NOT NULL
);
INSERT INTO "emoscope_history" VALUES(1);
CREATE TABLE emoscope_results (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at_ms BIGINT NOT NULL, 
	day VARCHAR(10) NOT NULL, 
	source TEXT NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	duration_s FLOAT NOT NULL, 
	faces INTEGER NOT NULL, 
	face_label VARCHAR(16), 
	voice_label VARCHAR(16), 
	words_label VARCHAR(16), 
	fused_label VARCHAR(16), 
	found_by TEXT NOT NULL, 
	document TEXT NOT NULL
);
INSERT INTO "emoscope_results" VALUES(1,1773144000000,'2026-03-10','talk.mp4','video',2.0,1,'happy','happy',NULL,NULL,'talk.mp4 video happy happy','{"schema": "emoscope/1", "source": "talk.mp4", "kind": "video", "duration_s": 2.0, "size_px": [64, 48], "has_sound": true, "frames_read": 3, "models": {"face": "emoscope-face@1"}, "faces": [{"time_s": 0.0, "box_xyxy": [1.0, 2.0, 3.0, 4.0], "box_held": false, "detection_score": 0.9, "track_id": 0, "scores": {"happy": 0.75, "sad": 0.25}, "top": "happy", "confidence": 0.75, "min_confidence": 0.3}], "voice": [{"start_s": 0.0, "end_s": 1.0, "scores": {"happy": 0.75, "sad": 0.25}, "top": "happy", "confidence": 0.75, "min_confidence": 0.3}], "words": [], "fused": [], "summary": {"faces": {"state": "found", "tracks": [{"track_id": 0, "start_s": 0.0, "end_s": 0.0, "readings": 1, "top_share": {"happy": 1.0}, "scores": {"happy": 0.75, "sad": 0.25}, "top": "happy", "confidence": 0.75, "min_confidence": 0.3}]}, "voice": {"state": "found", "speech_s": 1.0, "readings": 1, "scores": {"happy": 0.75, "sad": 0.25}, "top": "happy", "confidence": 0.75, "min_confidence": 0.3}, "words": {"state": "not transcribed"}, "fused": {"state": "nothing to fuse"}}}');
CREATE INDEX ix_emoscope_results_face_label ON emoscope_results (face_label);
CREATE INDEX ix_emoscope_results_words_label ON emoscope_results (words_label);
CREATE INDEX ix_emoscope_results_voice_label ON emoscope_results (voice_label);
CREATE INDEX ix_emoscope_results_fused_label ON emoscope_results (fused_label);
CREATE INDEX ix_emoscope_results_day ON emoscope_results (day);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('emoscope_results',1);
COMMIT;
