-- Supabase's roles, which policies and grants name. On Supabase they are there already; `ticktape migrate` makes them
-- first; with psql run this file before the migrations. Roles belong to the whole server: the migration of another
-- database may make them meanwhile.

do $$
declare
    wanted record;
begin
    for wanted in
        select roles.name, roles.attributes from (values
            ('anon', 'nologin noinherit'), ('authenticated', 'nologin noinherit'),
            ('service_role', 'nologin noinherit bypassrls')
        ) as roles (name, attributes)
        where roles.name not in (select rolname from pg_catalog.pg_roles)
    loop
        begin
            execute format('create role %I %s', wanted.name, wanted.attributes);
        exception when duplicate_object or unique_violation then
            null;
        end;
    end loop;
end;
$$;
