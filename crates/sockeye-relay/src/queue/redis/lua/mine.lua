-- What this instance has claimed.
return claimed_by(me)
