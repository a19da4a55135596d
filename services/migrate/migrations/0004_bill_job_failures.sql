-- What a bill job could not bill, with why: accountId or billId, and message. The rest of the job stands.
ALTER TABLE store.bill_jobs ADD COLUMN failures jsonb NOT NULL DEFAULT '[]';
