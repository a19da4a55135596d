-- What a bill job could not bill, and why: accountId or billId, and message. All else that the job did is valid.
ALTER TABLE store.bill_jobs ADD COLUMN failures jsonb NOT NULL DEFAULT '[]';
