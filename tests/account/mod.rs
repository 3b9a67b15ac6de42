mod profile_get;
