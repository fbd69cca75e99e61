using System.Data.Common;
using System.Globalization;
using Grid.Silo;
using Npgsql;

namespace Grid.Server.Stores;

/// <summary>The PostgreSQL database of a cluster, by <c>Clustering:ConnectionString</c>.</summary>
internal static class PostgreSqlStore
{
    /// <summary>How Orleans' providers name the driver.</summary>
    public const string Invariant = "Npgsql";

    /// <summary>Connections of a silo for membership and for records, unless the connection string says otherwise: many silos share a server's.</summary>
    private const int PoolSizeMax = 16;

    /// <summary>Reads a connection string; null when it is none, or names no server.</summary>
    public static NpgsqlConnectionStringBuilder? TryParse(string connection)
    {
        try
        {
            NpgsqlConnectionStringBuilder builder = new(connection);
            if (string.IsNullOrEmpty(builder.Host))
                return null;
            if (!Names(connection, "Maximum Pool Size", "MaxPoolSize"))
                builder.MaxPoolSize = PoolSizeMax;
            if (string.IsNullOrEmpty(builder.ApplicationName))
                builder.ApplicationName = "grid";
            return builder;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    /// <summary>The connection string that is used.</summary>
    public static string Connection(string connection) => TryParse(connection)!.ConnectionString;

    /// <summary>Server and database of a connection string, without what is secret in it.</summary>
    public static string Server(string connection)
    {
        NpgsqlConnectionStringBuilder builder = TryParse(connection)!;
        return string.Create(CultureInfo.InvariantCulture, $"{builder.Host}:{builder.Port}/{builder.Database ?? builder.Username}");
    }

    /// <summary>Looks whether the database answers, and makes the tables that are missing.</summary>
    /// <exception cref="CommandException">It does not answer, or the tables cannot be made.</exception>
    public static async Task PrepareAsync(string connection)
    {
        try
        {
            await using NpgsqlDataSource source = NpgsqlDataSource.Create(Connection(connection));
            await using NpgsqlConnection open = await source.OpenConnectionAsync();
            await PostgreSqlTables.CreateAsync(open);
        }
        catch (PostgresException refused)
        {
            throw new CommandException(
                ExitCode.Failed,
                $"PostgreSQL at {Server(connection)} (Clustering:ConnectionString) refused: {refused.MessageText} ({refused.SqlState}). The user must be able to log in and to make tables in its schema, or they must have been made before.",
                refused);
        }
        catch (DbException failure)
        {
            throw new CommandException(
                ExitCode.Unreachable,
                $"PostgreSQL at {Server(connection)} (Clustering:ConnectionString) does not answer: {Root(failure).Message.TrimEnd('.')}. Start it, or correct the connection string.",
                failure);
        }
    }

    private static bool Names(string connection, params string[] keys)
    {
        DbConnectionStringBuilder plain = new() { ConnectionString = connection };
        return keys.Any(plain.ContainsKey);
    }

    private static Exception Root(Exception failure) => failure.InnerException is { } inner ? Root(inner) : failure;
}

/// <summary>What a PostgreSQL server does not guarantee as it is set up.</summary>
internal sealed class PostgreSqlWarnings(string connection) : IRecordStorageWarnings
{
    public async ValueTask<IReadOnlyList<string>> CheckAsync(CancellationToken cancellation)
    {
        await using NpgsqlConnection open = new(PostgreSqlStore.Connection(connection));
        await open.OpenAsync(cancellation);
        await using NpgsqlCommand ask = new("SELECT current_setting('fsync'), current_setting('synchronous_commit')", open);
        await using NpgsqlDataReader answer = await ask.ExecuteReaderAsync(cancellation);
        await answer.ReadAsync(cancellation);
        return Judge(answer.GetString(0), answer.GetString(1));
    }

    /// <summary>Says of the two settings what they do not guarantee.</summary>
    internal static List<string> Judge(string fsync, string synchronousCommit)
    {
        List<string> warnings = [];
        if (fsync == "off")
            warnings.Add("PostgreSQL runs with fsync = off: a crash of its machine can take shard records back, and acknowledged writes of the grid can be lost with them. Set fsync = on.");
        if (synchronousCommit == "off")
            warnings.Add("PostgreSQL runs with synchronous_commit = off: its crash can take shard records back, and acknowledged writes of the grid can be lost with them. Set synchronous_commit = on, for the database or the user of the grid.");
        return warnings;
    }
}
