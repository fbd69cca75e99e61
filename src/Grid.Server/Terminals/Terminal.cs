using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace Grid.Server.Terminals;

/// <summary>Where a command writes: results on standard output, progress and notes on standard error.</summary>
internal static class Terminal
{
    private const int PlainWidth = 200;

    private static readonly JsonSerializerOptions Indented = Json(indented: true);
    private static readonly JsonSerializerOptions OneLine = Json(indented: false);

    /// <summary>Tables and text for people.</summary>
    public static IAnsiConsole Out { get; } = Make(Console.Out, Console.IsOutputRedirected);

    /// <summary>Progress and notes.</summary>
    public static IAnsiConsole Error { get; } = Make(Console.Error, Console.IsErrorRedirected);

    /// <summary>Writes a value as JSON.</summary>
    public static void WriteJson<T>(T value, bool oneLine = false) => Console.Out.WriteLine(JsonSerializer.Serialize(value, oneLine ? OneLine : Indented));

    /// <summary>A note on standard error.</summary>
    public static void Note(string text) => Console.Error.WriteLine($"grid: {text}");

    /// <summary>Shows a bar on standard error while <paramref name="work"/> runs.</summary>
    /// <param name="title">What goes on.</param>
    /// <param name="total">Where the bar ends.</param>
    /// <param name="bytes">True when the bar counts bytes.</param>
    /// <param name="work">Gets an action that sets how far it is.</param>
    public static Task<T> ProgressAsync<T>(string title, double total, bool bytes, Func<Action<double>, Task<T>> work)
    {
        if (Console.IsErrorRedirected)
            return work(static _ => { });
        List<ProgressColumn> columns = [new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn()];
        if (bytes)
            columns.AddRange([new DownloadedColumn(), new TransferSpeedColumn()]);
        columns.Add(new RemainingTimeColumn());
        return Error.Progress().AutoClear(true).Columns([.. columns]).StartAsync(async context =>
        {
            ProgressTask task = context.AddTask(Markup.Escape(title), maxValue: Math.Max(total, 1));
            return await work(done => task.Value = done);
        });
    }

    private static IAnsiConsole Make(TextWriter writer, bool redirected)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = redirected ? AnsiSupport.No : AnsiSupport.Detect,
            Interactive = redirected ? InteractionSupport.No : InteractionSupport.Detect,
        });
        if (redirected)
            console.Profile.Width = PlainWidth;
        return console;
    }

    private static JsonSerializerOptions Json(bool indented) => new(JsonSerializerDefaults.Web)
    {
        WriteIndented = indented,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,

        // A time that never came is told as such, not by an exception in place of the whole answer.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };
}
