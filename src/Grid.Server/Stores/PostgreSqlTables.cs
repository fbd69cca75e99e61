using Npgsql;

namespace Grid.Server.Stores;

/// <summary>
/// The tables that Orleans' ADO.NET providers work on. The providers run the statements that they find in the table
/// <c>OrleansQuery</c>, by fixed keys, with fixed names of parameters and columns; what stands behind them is free. So
/// membership and grain state have tables of our own, in which every compare-and-set is one statement.
/// </summary>
/// <remarks>
/// A statement changes all that it changes or nothing. Of two silos that write the membership at once, the second one
/// waits at the row of <c>grid_membership_version</c> and then finds another version there. Statements that are there
/// already stay as they are: a database that was set up with Orleans' own scripts is used with their tables.
/// </remarks>
internal static class PostgreSqlTables
{
    /// <summary>Any number that nobody else locks: silos that start together make the tables one after the other.</summary>
    private const long LockId = 0x67726964;

    private const string Tables = """
        CREATE TABLE IF NOT EXISTS OrleansQuery (
            QueryKey text PRIMARY KEY,
            QueryText text NOT NULL);
        CREATE TABLE IF NOT EXISTS grid_membership_version (
            cluster text PRIMARY KEY,
            version integer NOT NULL DEFAULT 0,
            changed timestamptz NOT NULL DEFAULT now());
        CREATE TABLE IF NOT EXISTS grid_membership (
            cluster text NOT NULL REFERENCES grid_membership_version,
            address text NOT NULL,
            port integer NOT NULL,
            generation integer NOT NULL,
            silo_name text NOT NULL,
            host_name text NOT NULL,
            status integer NOT NULL,
            gateway_port integer NOT NULL,
            suspect_times text,
            started timestamptz NOT NULL,
            alive_at timestamptz NOT NULL,
            PRIMARY KEY (cluster, address, port, generation));
        CREATE TABLE IF NOT EXISTS grid_state (
            service text NOT NULL,
            state_name text NOT NULL,
            key0 bigint NOT NULL,
            key1 bigint NOT NULL,
            key_text text NOT NULL,
            payload bytea,
            version integer NOT NULL,
            changed timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (service, state_name, key0, key1, key_text));
        """;

    private const string OneSilo = "cluster = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation";
    private const string OneState = "service = @ServiceId AND state_name = @GrainTypeString AND key0 = @GrainIdN0 AND key1 = @GrainIdN1 AND key_text = coalesce(@GrainIdExtensionString, '')";

    private const string ReadMembership = """
        SELECT v.cluster AS DeploymentId, m.address AS Address, m.port AS Port, m.generation AS Generation, m.silo_name AS SiloName,
            m.host_name AS HostName, m.status AS Status, m.gateway_port AS ProxyPort, m.suspect_times AS SuspectTimes,
            m.started AS StartTime, m.alive_at AS IAmAliveTime, v.version AS Version
        FROM grid_membership_version v LEFT JOIN grid_membership m ON m.cluster = v.cluster
        """;

    private static readonly Dictionary<string, string> Queries = new()
    {
        ["InsertMembershipVersionKey"] = """
            WITH made AS (INSERT INTO grid_membership_version (cluster) VALUES (@DeploymentId) ON CONFLICT DO NOTHING RETURNING 1)
            SELECT count(*)::integer FROM made
            """,
        ["InsertMembershipKey"] = $"""
            WITH next AS (
                UPDATE grid_membership_version SET version = version + 1, changed = now()
                WHERE cluster = @DeploymentId AND version = @Version AND NOT EXISTS (SELECT 1 FROM grid_membership WHERE {OneSilo})
                RETURNING cluster),
            made AS (
                INSERT INTO grid_membership (cluster, address, port, generation, silo_name, host_name, status, gateway_port, started, alive_at)
                SELECT cluster, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort, @StartTime, @IAmAliveTime FROM next
                RETURNING 1)
            SELECT count(*)::integer FROM made
            """,
        ["UpdateMembershipKey"] = $"""
            WITH next AS (
                UPDATE grid_membership_version SET version = version + 1, changed = now()
                WHERE cluster = @DeploymentId AND version = @Version AND EXISTS (SELECT 1 FROM grid_membership WHERE {OneSilo})
                RETURNING cluster AS name),
            changed AS (
                UPDATE grid_membership SET status = @Status, suspect_times = @SuspectTimes, alive_at = @IAmAliveTime
                FROM next WHERE cluster = next.name AND address = @Address AND port = @Port AND generation = @Generation
                RETURNING 1)
            SELECT count(*)::integer FROM changed
            """,
        ["UpdateIAmAlivetimeKey"] = $"UPDATE grid_membership SET alive_at = @IAmAliveTime WHERE {OneSilo}",
        ["MembershipReadRowKey"] = $"{ReadMembership} AND m.address = @Address AND m.port = @Port AND m.generation = @Generation WHERE v.cluster = @DeploymentId",
        ["MembershipReadAllKey"] = $"{ReadMembership} WHERE v.cluster = @DeploymentId",
        ["DeleteMembershipTableEntriesKey"] = """
            DELETE FROM grid_membership WHERE cluster = @DeploymentId;
            DELETE FROM grid_membership_version WHERE cluster = @DeploymentId
            """,
        ["GatewaysQueryKey"] = "SELECT address AS Address, gateway_port AS ProxyPort, generation AS Generation FROM grid_membership WHERE cluster = @DeploymentId AND status = @Status AND gateway_port > 0",

        // 3 is Active: only silos that are gone are forgotten.
        ["CleanupDefunctSiloEntriesKey"] = "DELETE FROM grid_membership WHERE cluster = @DeploymentId AND alive_at < @IAmAliveTime AND status <> 3",

        // No row back means: the version was another one.
        ["WriteToStorageKey"] = $"""
            WITH changed AS (
                UPDATE grid_state SET payload = @PayloadBinary, version = version + 1, changed = now()
                WHERE {OneState} AND version = @GrainStateVersion
                RETURNING version),
            made AS (
                INSERT INTO grid_state (service, state_name, key0, key1, key_text, payload, version)
                SELECT @ServiceId, @GrainTypeString, @GrainIdN0, @GrainIdN1, coalesce(@GrainIdExtensionString, ''), @PayloadBinary, 1
                WHERE @GrainStateVersion IS NULL
                ON CONFLICT DO NOTHING
                RETURNING version)
            SELECT version AS NewGrainStateVersion FROM changed UNION ALL SELECT version FROM made
            """,
        ["ReadFromStorageKey"] = $"SELECT payload AS PayloadBinary, changed, version AS Version FROM grid_state WHERE {OneState}",
        ["ClearStorageKey"] = $"UPDATE grid_state SET payload = NULL, version = version + 1, changed = now() WHERE {OneState} AND version = @GrainStateVersion RETURNING version AS NewGrainStateVersion",
        ["DeleteStorageKey"] = $"DELETE FROM grid_state WHERE {OneState} AND version = @GrainStateVersion RETURNING version + 1 AS NewGrainStateVersion",
    };

    /// <summary>Makes what is missing. Any number of silos may do it at once.</summary>
    public static async Task CreateAsync(NpgsqlConnection connection)
    {
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await using (NpgsqlCommand alone = new("SELECT pg_advisory_xact_lock($1)", connection, transaction) { Parameters = { new() { Value = LockId } } })
            await alone.ExecuteNonQueryAsync();
        if (await MissingAsync(connection, transaction) is { Length: > 0 } missing)
        {
            await using NpgsqlCommand tables = new(Tables, connection, transaction);
            await tables.ExecuteNonQueryAsync();
            foreach (string key in missing)
            {
                await using NpgsqlCommand query = new("INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES ($1, $2) ON CONFLICT DO NOTHING", connection, transaction)
                {
                    Parameters = { new() { Value = key }, new() { Value = Queries[key] } },
                };
                await query.ExecuteNonQueryAsync();
            }
        }

        await transaction.CommitAsync();
    }

    /// <summary>The keys that are not there: a user without the right to make tables can use those that are.</summary>
    private static async Task<string[]> MissingAsync(NpgsqlConnection connection, NpgsqlTransaction transaction)
    {
        await using NpgsqlCommand there = new("SELECT to_regclass('OrleansQuery') IS NOT NULL", connection, transaction);
        if (await there.ExecuteScalarAsync() is not true)
            return [.. Queries.Keys];
        HashSet<string> found = [];
        await using NpgsqlCommand keys = new("SELECT QueryKey FROM OrleansQuery", connection, transaction);
        await using NpgsqlDataReader reader = await keys.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            found.Add(reader.GetString(0));
        return [.. Queries.Keys.Except(found)];
    }
}
