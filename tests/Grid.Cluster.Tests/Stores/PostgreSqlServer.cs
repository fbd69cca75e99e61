using System.Diagnostics;
using System.Globalization;
using Grid.Cluster.Tests.Server;
using Npgsql;
using Xunit;

namespace Grid.Cluster.Tests.Stores;

/// <summary>
/// A PostgreSQL server of the test's own, on loopback and in a directory that goes with it. PostgreSQL refuses to run as
/// root; there it runs as the user that its package made.
/// </summary>
internal sealed class PostgreSqlServer : IAsyncDisposable
{
    private const string PackageUser = "postgres";

    private readonly ChildProcess _process;

    private PostgreSqlServer(ChildProcess process, int port)
    {
        _process = process;
        Connection = $"Host=127.0.0.1;Port={port};Username=grid;Database=postgres;Timeout=5";
    }

    public string Connection { get; }

    /// <summary>Where initdb and postgres are; null where they are not installed.</summary>
    public static string? Folder { get; } = FindFolder();

    /// <summary>Makes a database in <paramref name="directory"/> and serves it.</summary>
    public static async Task<PostgreSqlServer> StartAsync(string directory, params string[] settings)
    {
        Assert.True(Folder is not null, "This test needs PostgreSQL: apt-get install postgresql");
        int port = Ports.Free(1)[0];
        if (Environment.IsPrivilegedProcess)
        {
            Run("chown", PackageUser, directory);
            Reveal(directory);
        }

        string data = Path.Combine(directory, "data");
        await EndAsync(Start(directory, Path.Combine(Folder!, "initdb"), "-D", data, "-U", "grid", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"));
        ChildProcess process = Start(
            directory,
            [Path.Combine(Folder!, "postgres"), "-D", data, "-h", "127.0.0.1", "-p", port.ToString(CultureInfo.InvariantCulture), "-k", "", .. settings.SelectMany(setting => new[] { "-c", setting })]);
        PostgreSqlServer server = new(process, port);
        await server.UntilReadyAsync();
        return server;
    }

    public async Task ExecuteAsync(string sql)
    {
        await using NpgsqlConnection connection = new(Connection);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using NpgsqlCommand command = new(sql, connection);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    public async Task<object?> AskAsync(string sql)
    {
        await using NpgsqlConnection connection = new(Connection);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using NpgsqlCommand command = new(sql, connection);
        return await command.ExecuteScalarAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();

        // As the signal for an end at once, in which the server takes its own processes with it.
        if (!_process.HasExited)
            Run("kill", "-QUIT", _process.Id.ToString(CultureInfo.InvariantCulture));
        await _process.ExitAsync(TimeSpan.FromSeconds(20));
        await _process.DisposeAsync();
    }

    private async Task UntilReadyAsync()
    {
        Exception? last = null;
        for (int attempt = 0; attempt < 300; attempt++)
        {
            try
            {
                await AskAsync("SELECT 1");
                return;
            }
            catch (NpgsqlException notYet)
            {
                last = notYet;
                Assert.False(_process.HasExited, $"postgres ended:\n{_process.Output}\n{_process.Errors}");
                await Task.Delay(100, TestContext.Current.CancellationToken);
            }
        }

        Assert.Fail($"postgres is not ready: {last?.Message}\n{_process.Output}\n{_process.Errors}");
    }

    private static ChildProcess Start(string directory, params string[] command) => Environment.IsPrivilegedProcess
        ? ChildProcess.Start("setpriv", ["--reuid", PackageUser, "--regid", PackageUser, "--clear-groups", .. command], directory)
        : ChildProcess.Start(command[0], command[1..], directory);

    private static async Task EndAsync(ChildProcess process)
    {
        await using (process)
        {
            int code = await process.ExitAsync(TimeSpan.FromSeconds(60));
            Assert.True(code == 0, $"initdb failed:\n{process.Output}\n{process.Errors}");
        }
    }

    /// <summary>Lets the other user pass through the folders above.</summary>
    private static void Reveal(string directory)
    {
        for (DirectoryInfo? above = new DirectoryInfo(directory).Parent; above is not null && above.FullName.StartsWith(Path.GetTempPath(), StringComparison.Ordinal); above = above.Parent)
            Run("chmod", "go+x", above.FullName);
    }

    private static void Run(string file, params string[] arguments)
    {
        using Process process = Process.Start(file, arguments);
        process.WaitForExit();
    }

    private static string? FindFolder()
    {
        IEnumerable<string> packages = Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql").OrderDescending(StringComparer.Ordinal).Select(version => Path.Combine(version, "bin")) : [];
        return packages.Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')).FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "postgres")));
    }
}
